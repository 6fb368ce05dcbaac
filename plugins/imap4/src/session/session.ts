// One client's session: who it is, what it has selected, and the way to it. Commands see this and nothing of the socket.
import type { Account, Clock, Connection, Log, OpenMailbox, Services, Uid } from '@restante/core'
import type { Config } from '../config.js'
import type { FetchItem } from '../grammar/fetch-items.js'
import type { EventGroup } from '../grammar/notify.js'
import { quoted, quotedName } from '../grammar/mailbox-name.js'
import { inLanguage, type Language } from '../languages.js'
import { Refusal } from '../replies.js'
import type { Framer } from '../wire/framer.js'
import type { Dialect } from '../wire/reader.js'
import { Disconnected, type Writer } from '../wire/writer.js'
import type { AccountEvents, NamedEvent } from './account-events.js'
import { Notifying } from './notifying.js'
import { Selected } from './selected.js'
import { Turn } from './turns.js'

export type State = 'not-authenticated' | 'authenticated' | 'selected' | 'logout'

/** `*` for any characters, case ignored. */
export function fits(pattern: string, text: string): boolean {
  const parts = pattern.toUpperCase().split('*')
  const name = text.toUpperCase()
  if (parts.length === 1) return name === parts[0]
  let at = parts[0].length
  if (!name.startsWith(parts[0])) return false
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  const last = parts[parts.length - 1]
  return name.length - last.length >= at && name.endsWith(last)
}

/** What all sessions share. */
export interface Face {
  readonly config: Readonly<Config>
  readonly services: Pick<Services, 'authenticator' | 'accounts' | 'mailboxes' | 'contents' | 'spool' | 'net' | 'textIndex' | 'settings'>
  readonly log: Log
  readonly clock: Clock
  /** What may be advertised to a session as it stands. */
  readonly capabilities: (session: Session) => string
  /** Of mailboxes' names, by account. */
  readonly events: AccountEvents
}

export class Session {
  state: State = 'not-authenticated'
  selected: Selected | undefined
  loginFailures = 0
  /** What ENABLE turned on (RFC 5161), or a command that implies it. In upper case. */
  readonly enabled = new Set<string>()
  /** Long work asks it when to let others go first. */
  readonly turn = new Turn()
  /** COMPRESS is on, until the connection ends. */
  compressed = false
  #account: Account | undefined
  readonly #framer: Framer

  constructor(
    readonly face: Face,
    readonly connection: Connection,
    readonly say: Writer,
    framer: Framer,
    /** Takes the connection into TLS; the reply that promised it has been written. */
    readonly startTls: () => Promise<void>,
    /** From now on everything is deflated, in both directions. */
    readonly startCompression: () => void,
  ) {
    this.#framer = framer
    framer.maxLine = face.config.maxLineBeforeLogin
  }

  get loggedIn(): boolean { return this.#account !== undefined }

  /** Only in states behind login. */
  get account(): Account {
    if (!this.#account) throw new Error('There is no account before login')
    return this.#account
  }

  /** Only in state 'selected'. */
  get open(): Selected {
    if (!this.selected) throw new Error('No mailbox is selected')
    return this.selected
  }

  /** In which language its people are spoken to. */
  language: Language = 'i-default'

  /** What the client calls itself (ID). */
  clientName = ''

  /** Whether the configuration hides a capability from this account or client. */
  hides(capability: string): boolean {
    return this.face.config.hide.some(({ accounts, clients, capabilities }) =>
      (accounts === undefined || (this.#account !== undefined && accounts.some((name) => name.toLowerCase() === this.#account?.name)))
      && (clients === undefined || clients.some((pattern) => fits(pattern, this.clientName)))
      && capabilities.some((pattern) => fits(pattern, capability)))
  }

  get capabilities(): string { return this.face.capabilities(this) }
  get mailboxes(): Services['mailboxes'] { return this.face.services.mailboxes }

  /** Whether a password may be sent as things stand. */
  get passwordAllowed(): boolean {
    const { connection, face: { config } } = this
    return connection.secure || config.plaintextLogin === 'always' || (config.plaintextLogin === 'loopback' && connection.loopback)
  }

  /** MODSEQ and UID are in every FETCH reply that tells of flags (RFC 7162). */
  get condstore(): boolean { return this.enabled.has('CONDSTORE') }
  /** IMAP4rev2's ways (RFC 9051): ESEARCH for SEARCH, no \\Recent, LIST in SELECT. */
  get rev2(): boolean { return this.enabled.has('IMAP4REV2') }
  /** Mailbox names in UTF-8 (RFC 6855 3, RFC 9051 5.1). */
  get utf8(): boolean { return this.rev2 || this.enabled.has('UTF8=ACCEPT') }
  /** How what it says is read. */
  get dialect(): Dialect { return { utf8Names: this.utf8, obsolete: this.face.config.obsolete, uidBounds: this.face.config.messageLimit > 0 } }
  /** A mailbox name for a reply, in quotes. */
  named(name: string): string { return this.utf8 ? quoted(Buffer.from(name, 'utf8').toString('latin1')) : quotedName(name) }
  /** Messages are named by UID only, in both directions (RFC 9586). */
  get uidOnly(): boolean { return this.enabled.has('UIDONLY') }
  /** VANISHED instead of EXPUNGE. */
  get vanishes(): boolean { return this.qresync || this.uidOnly }
  /** Resynchronises (RFC 7162). */
  get qresync(): boolean { return this.enabled.has('QRESYNC') }

  /** The first command that needs mod-sequences brings the selected mailbox's (RFC 7162 3.1). */
  useModseqs(): void {
    if (this.condstore) return
    this.enabled.add('CONDSTORE')
    if (this.selected) this.say.line(`* OK [HIGHESTMODSEQ ${this.selected.mailbox.view.told}] The highest mod-sequence`)
  }

  login(account: Account): void {
    this.#account = account
    this.state = 'authenticated'
    this.#framer.maxLine = this.face.config.maxLine
    this.connection.log.info({ account: account.name, secure: this.connection.secure }, 'logged in')
  }

  /** Forgets the account and what it enabled; the connection goes on. */
  logoff(): void {
    this.deselect()
    this.notify(undefined)
    this.language = 'i-default'
    this.enabled.clear()
    this.connection.log.info({ account: this.account.name }, 'logged off')
    this.#account = undefined
    this.state = 'not-authenticated'
    this.#framer.maxLine = this.face.config.maxLineBeforeLogin
  }

  select(mailbox: OpenMailbox): Selected {
    this.deselect()
    this.selected = new Selected(mailbox)
    this.adapt()
    this.state = 'selected'
    return this.selected
  }

  /** What was enabled changes how a selected mailbox is spoken of. */
  adapt(): void {
    if (!this.selected) return
    this.selected.showsRecent = !this.rev2
    this.selected.byUidOnly = this.uidOnly
  }

  deselect(): void {
    this.selected?.mailbox.close()
    this.selected = undefined
    if (this.state === 'selected') this.state = 'authenticated'
  }

  /** Asks the client to go on: `+ text`. */
  proceed(text: string): void {
    this.connection.transcript.server(`+ ${text}`)
    this.say.line(`+ ${text}`)
  }

  /** A line that is not a command: DONE, an answer in AUTHENTICATE. */
  async readLine(): Promise<string> {
    await this.say.flush()
    const frame = await this.#framer.next({ literals: false })
    if (!frame) throw new Disconnected()
    if (frame.trouble !== undefined) {
      if (frame.fatal) this.bye('Line too long')
      throw frame.trouble
    }
    const line = String(frame.pieces[0])
    this.connection.transcript.client(line)
    return line
  }

  /** A command runs; in IDLE we may speak nevertheless. */
  busy = false
  idling = false
  /** How FETCH tells of messages: it stands above the session. */
  fetchNew: (uids: readonly Uid[], items: readonly FetchItem[]) => Promise<void> = async () => undefined
  /** What NOTIFY asked for. */
  notifying: Notifying | undefined

  notify(groups: readonly EventGroup[] | undefined): void {
    this.notifying?.stop()
    this.notifying = groups && new Notifying(this, groups)
  }

  /** What this session does to names; NOTIFY does not tell it of that. */
  byItself<T>(types: readonly NamedEvent['type'][], names: readonly string[], act: () => Promise<T>): Promise<T> {
    return this.notifying ? this.notifying.byItself(types, names, act) : act()
  }

  /** What is told between commands and takes time; the next command waits for it. */
  telling: Promise<void> = Promise.resolve()
  /** What failed between commands: nobody asked, so nobody is answered. */
  broke(error: unknown): void {
    if (!(error instanceof Disconnected)) this.connection.log.error({ err: error }, 'a change could not be told')
  }

  /** The command that runs: its tag, and since when or since its last sign of progress. */
  running = { tag: '', since: 0 }

  /** Something long goes on: says how far it is, not more often than configured (RFC 9585). */
  progress(done: number, total: number): void {
    const { clock, config } = this.face
    const now = clock.now()
    if (now - this.running.since < config.progressInterval * 1000) return
    this.running.since = now
    this.say.line(`* OK [INPROGRESS ("${this.running.tag}" ${done} ${total})] Still at it`)
    this.say.push()
  }

  /** Says goodbye; the connection closes when the running command has been answered. */
  bye(text: string, code?: string): void {
    if (this.state === 'logout') return
    const line = `* BYE ${code ? `[${code}] ` : ''}${inLanguage(this.language, text)}`
    this.connection.transcript.server(line)
    this.say.line(line)
    this.deselect()
    this.notify(undefined)
    this.state = 'logout'
  }

  /** Stops waiting for the client: after a `bye` while it idles. */
  hangUp(): void { this.#framer.close() }

  /** Throws when the selected mailbox may not be changed. */
  writable(): Selected {
    const selected = this.open
    if (selected.mailbox.readOnly) throw new Refusal('READ-ONLY', 'The mailbox is open read-only')
    return selected
  }
}
