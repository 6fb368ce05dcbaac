// `restante send`: submits a message file to any IM2000 store by MSOAP.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { Command } from 'commander'
import { failure, isFailure } from '../../errors/codes.js'
import { outgoing } from '../../im2000/outgoing.js'
import type { SubmitEnvelope } from '../../im2000/pdu/msoap.js'
import { mailBoxToWire } from '../../im2000/values.js'
import { print, table } from '../output.js'
import { atStore, hostAndPort, type PeerOptions } from '../peer.js'
import type { GlobalOptions } from '../settings.js'
import { secondsOf } from '../numbers.js'

interface SendOptions extends GlobalOptions, PeerOptions {
  readonly store: { host: string; port: number }
  readonly account: string
  readonly to?: readonly string[]
  readonly list?: readonly string[]
  readonly lifetime: number
  readonly exact?: boolean
}

export const sendCommand = (): Command => new Command('send')
  .description('Submit a message file to an IM2000 store (MSOAP)')
  .argument('<file>', 'the message, with its header')
  .requiredOption('-s, --store <host:port>', "the store's MSOAP service", hostAndPort)
  .requiredOption('-a, --account <name>', 'account at the store')
  .option('--tls', 'the service speaks TLS').option('--ca <file>', 'certificate (PEM) to trust; implies --tls')
  .option('--password-file <file>', 'whose first line is the password; without it the password is asked for')
  .option('-t, --to <address...>', 'recipients; without them and without --list those in To, Cc and Bcc')
  .option('-l, --list <name...>', 'lists at this store to post to')
  .option('--lifetime <time>', 'how long the store keeps it at most, for example 12h or 90d; 0: until all have read it', secondsOf, 90 * 86_400)
  .option('--exact', 'change no octet: no CRLF, no Date, no Message-ID is added, Bcc stays')
  .action(async (file: string, options: SendOptions) => {
    const message = await outgoing(file, { ...(options.exact ? { exact: true } : {}), date: () => new Date(), messageId: () => `<${randomBytes(12).toString('hex')}@${hostname()}>` })
    const recipients = options.to ?? (options.list ? [] : message.recipients)
    const lists = options.list ?? []
    if (recipients.length + lists.length === 0) throw failure('ENVELOPE_EMPTY')
    try {
      const envelope: SubmitEnvelope = {
        ...(recipients.length > 0 ? { recipients: recipients.map(mailBoxToWire) } : {}), ...(lists.length > 0 ? { lists: lists.map((name) => Buffer.from(name)) } : {}), lifetime: BigInt(options.lifetime),
      }
      const made = await atStore(options, (client) => client.submit(envelope, message.octets).catch((error: unknown) => {
        throw isFailure(error, 'PEER_REFUSED') ? refusal(error.details, recipients, lists) : error
      }))
      const rows = [
        ...recipients.map((to, i) => ({ to, identifier: made.recipients[i].toString('hex') })),
        ...lists.map((name, i) => ({ to: `list ${name}`, identifier: made.lists[i].toString('hex') })),
      ]
      if (options.json) print(JSON.stringify({ messageId: message.messageId, recipients: rows }))
      else print(`${message.messageId} is with the store. Identifiers, for track and cancel (keep them to yourself):\n${table(rows, ['to', 'identifier'])}`)
    } finally {
      await message.octets.return(undefined)
    }
  })

/** What the store refused, in words. */
function refusal(details: Record<string, any>, recipients: readonly string[], lists: readonly string[]): Error {
  const { value = {} } = details.data ?? {}
  const refused = [...recipients.filter((_, i) => value.recipients?.[i] === 'submissionaccessdenied'), ...lists.filter((_, i) => value.lists?.[i] === 'submissionaccessdenied').map((name) => `list ${name}`)]
  if (refused.length > 0) return failure('NOT_PERMITTED', { what: `${refused.join(', ')} (says the store)` })
  return failure('NOT_PERMITTED', { what: `this submission; the store says ${String(details.status)}` })
}
