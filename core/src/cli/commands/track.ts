// `restante track`: what became of a message, per recipient.
import { Command } from 'commander'
import { date, print, size, table } from '../output.js'
import { atStore, hostAndPort, identifierOf, type StoreOptions } from '../peer.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

export const trackCommand = (): Command => new Command('track')
  .description('What became of a submission: notified, read, released')
  .argument('<what>', 'track id (in the trace header: "Received: ... id ...") or Message-ID; with --store an identifier that `send` printed')
  .option('-s, --store <host:port>', 'ask another store (MSOAP)', hostAndPort).option('-a, --account <name>', 'account there')
  .option('--tls', 'the service speaks TLS').option('--ca <file>', 'certificate (PEM) to trust; implies --tls').option('--password-file <file>', 'whose first line is the password')
  .action(async (what: string, options: GlobalOptions & StoreOptions) => {
    if (options.store) {
      const status = await atStore(options, (client) => client.track(identifierOf(what)))
      return print(options.json ? JSON.stringify(status) : table([{ notification: status.notificationstatus, read: status.read, pinned: status.pinned }], ['notification', 'read', 'pinned']))
    }
    const found = await perform(options, 'track', { what })
    if (options.json) {
      print(JSON.stringify(found))
      return
    }
    print(found.map((one) => [
      `Submission  ${one.token}  <${one.messageId}>  ${size(one.size)}`,
      `From        ${one.originator || '<>'} with ${one.protocol} at ${date(one.submittedAt)} UTC${one.endedAt === null ? '' : `; ${one.endedBy} at ${date(one.endedAt)} UTC`}`,
      ...(one.window === null ? [] : [one.window.until === null ? 'Held        by the administrator (restante queue release)' : `Held        by its sender's window until ${date(one.window.until)} UTC`]),
      table(one.recipients.map((recipient) => ({ recipient: recipient.recipient, notification: recipient.notification, read: recipient.read, pinned: recipient.pinned })), ['recipient', 'notification', 'read', 'pinned']),
    ].join('\n')).join('\n\n'))
  })
