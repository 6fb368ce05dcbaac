// URLs that let somebody else read one text (URLAUTH, RFC 4467; URL-PARTIAL, RFC 5550; URLAUTH=BINARY, RFC 5524): made, followed, and ended all at once.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Account } from '@restante/core'
import { isFailure } from '@restante/core'
import { mailbox, quoted } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { isHere } from '../url/assemble.js'
import { parseImapUrl, type ImapUrl, type UrlAuth } from '../url/imap-url.js'
import { findMessage, type Found } from '../url/message-text.js'
import { tellUrl, urlParts, type UrlPart } from '../url/tell-url.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import { afterLogin, command, type Done } from './command.js'

/** URLs of one command. */
const maxUrls = 100
/** How a token was made, its first octet: HMAC-SHA-256. */
const method = '01'

type Authorised = ImapUrl & { readonly auth: UrlAuth; readonly mailbox: string; readonly server: NonNullable<ImapUrl['server']> }

export const genUrlAuth = command({
  name: 'GENURLAUTH', states: afterLogin, capabilities: ['URLAUTH', 'URL-PARTIAL'],
  read(r) {
    const wanted: string[] = []
    do {
      wanted.push(r.sp().astring('a URL'))
      if (r.sp().word('a mechanism') !== 'INTERNAL') throw new BadCommand('The only mechanism is INTERNAL')
      if (wanted.length > maxUrls) throw new BadCommand(`More than ${maxUrls} URLs`)
    } while (!r.done())
    return wanted
  },
  async run(session, wanted) {
    const made: string[] = []
    for (const text of wanted) {
      const url = authorised(session, text)
      if (!url || url.auth.token !== undefined) throw new BadCommand('Not a URL that could be authorised')
      if (owner(url) !== session.account.name) throw new Refusal('NOPERM', 'Only one’s own messages')
      const key = await session.mailboxes.accessKey(session.account.id, url.mailbox, true)
      made.push(`${text}:internal:${token(key as Buffer, url.auth.rump)}`)
    }
    session.say.line(`* GENURLAUTH ${made.map(quoted).join(' ')}`)
  },
})

export const urlFetch = command({
  name: 'URLFETCH', states: afterLogin, capabilities: ['URLAUTH=BINARY'],
  read(r) {
    const asked: { readonly text: string; readonly wanted: ReadonlySet<UrlPart> }[] = []
    do asked.push(r.sp().peek() === '(' ? urlWithParts(r) : { text: r.astring('a URL'), wanted: new Set<UrlPart>() })
    while (!r.done())
    if (asked.length > maxUrls) throw new BadCommand(`More than ${maxUrls} URLs`)
    return asked
  },
  async run(session, asked) {
    for (const { text, wanted } of asked) {
      const url = authorised(session, text)
      // Whatever is wrong with it is nobody's business: NIL (RFC 4467 8).
      const found = url && await follow(session, url, wanted).catch((error: unknown) => {
        if (isFailure(error)) return undefined
        throw error
      })
      await tellUrl(session, text, url as ImapUrl, found, wanted)
      if (session.say.full) await session.say.flush()
    }
  },
})

/** `("imap://…" BINARY BODYPARTSTRUCTURE)` (RFC 5524). */
function urlWithParts(r: Reader): { text: string; wanted: ReadonlySet<UrlPart> } {
  r.expect('(')
  const text = r.astring('a URL')
  const wanted = new Set<UrlPart>()
  while (r.take(' ')) {
    const word = r.word('what is wanted of it')
    const part = urlParts.find((name) => name === word)
    if (!part || wanted.has(part)) throw new BadCommand(`${word} cannot be asked of a URL${part ? ' twice' : ''}`)
    wanted.add(part)
  }
  r.expect(')')
  if (wanted.has('BINARY') && wanted.has('BODY')) throw new BadCommand('BINARY or BODY, not both')
  return { text, wanted }
}

export const resetKey = command({
  name: 'RESETKEY', states: afterLogin,
  read(r) {
    if (!r.take(' ')) return undefined
    const name = mailbox(r)
    while (r.take(' ')) if (r.word('a mechanism') !== 'INTERNAL') throw new BadCommand('The only mechanism is INTERNAL')
    return name
  },
  async run(session, name): Promise<Done> {
    await session.mailboxes.forgetAccessKeys(session.account.id, name)
    return name === undefined ? {} : { code: 'URLMECH INTERNAL' }
  },
})

const token = (key: Buffer, rump: string): string => method + createHmac('sha256', key).update(rump).digest('hex')
const owner = ({ server }: Authorised): string => (server.user ?? '').toLowerCase()

/** A URL of ours with an access identifier; undefined for any other. */
function authorised(session: Session, text: string): Authorised | undefined {
  const url = parseImapUrl(text)
  return url?.auth && url.server?.user && url.mailbox !== undefined && isHere(session, url.server.host) ? url as Authorised : undefined
}

async function follow(session: Session, url: Authorised, wanted: ReadonlySet<UrlPart>): Promise<Found | undefined> {
  if (url.auth.mechanism !== 'INTERNAL' || url.auth.token === undefined || !mayRead(session, url.auth)) return undefined
  const account = await session.face.services.accounts.byName(owner(url))
  const key = account?.enabled ? await session.mailboxes.accessKey(account.id, url.mailbox, false) : undefined
  if (!key || !same(token(key, url.auth.rump), url.auth.token)) return undefined
  return findMessage(session, account as Account, url, url.mailbox, [...(wanted.has('BODYPARTSTRUCTURE') ? ['bodyStructure'] as const : []), ...(wanted.has('BINARY') ? ['parts'] as const : [])])
}

function mayRead({ account, face: { clock, config } }: Session, { access, expires }: UrlAuth): boolean {
  if (expires !== undefined && expires < clock.now()) return false
  if (access === 'anonymous' || access === 'authuser') return true
  const [kind, name] = access.split(/\+(.*)/s)
  // What is to be submitted only the submission server may fetch, for whomever it serves.
  return kind === 'submit' ? config.submissionAccounts.includes(account.name) : name.toLowerCase() === account.name
}

function same(ours: string, theirs: string): boolean {
  const [a, b] = [Buffer.from(ours), Buffer.from(theirs)]
  return a.length === b.length && timingSafeEqual(a, b)
}
