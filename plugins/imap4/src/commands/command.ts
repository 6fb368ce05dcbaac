// What a command is: one frozen row. `read` is pure (all of a command is parsed before anything is done), `run` does it.
import type { Session, State } from '../session/session.js'
import type { Reader } from '../wire/reader.js'

export interface Context {
  /** The UID form (RFC 3501 6.4.8). */
  readonly uid: boolean
  /** The command's tag: some replies name it. */
  readonly tag: string
}

/** The tagged OK: by default `<NAME> completed`. */
export interface Done {
  /** A function when it depends on what is announced before. */
  readonly code?: string | (() => string | undefined)
  readonly text?: string
  /** Numbers of the reply, or of its question, may not shift: expunges wait although the row would let them be told. */
  readonly holdExpunges?: boolean
  /** It told how things stand (SELECT): what changed meanwhile waits for the next command, so that no client takes the two for one. */
  readonly fresh?: boolean
  /** Something was left undone: NO instead of OK. */
  readonly failed?: boolean
  /** Runs after the tagged reply was sent. */
  readonly after?: () => Promise<void> | void
}

export interface Command<A = any> {
  readonly name: string
  /** Has a UID form too. */
  readonly uid?: boolean
  readonly states: readonly State[]
  /** 'uses': no EXPUNGE may be told while its plain form runs (RFC 3501 7.4.1), for its numbers would shift. */
  readonly seqs?: 'uses'
  /** It expunges by itself: that is told even to a client that hears of nothing else (RFC 5465 3). */
  readonly expunges?: boolean
  /** Its plain form speaks of message numbers: refused where only UIDs are spoken of (RFC 9586 3). */
  readonly numbers?: boolean
  /** Of RFC 1730 or before: only where configured. */
  readonly obsolete?: boolean
  /** A missing mailbox is this command's target: [TRYCREATE]. */
  readonly target?: boolean
  /** What the row lets the server advertise, in this session's state. */
  readonly capabilities?: readonly string[] | ((session: Session) => readonly string[])
  /** Arguments carry secrets: never in transcripts. */
  readonly secret?: boolean
  read(r: Reader, context: Context): A
  run(session: Session, args: A, context: Context): Promise<Done | void> | Done | void
}

export function command<A>(row: Command<A>): Readonly<Command<A>> { return Object.freeze(row) }

export const always: readonly State[] = ['not-authenticated', 'authenticated', 'selected']
export const beforeLogin: readonly State[] = ['not-authenticated']
export const afterLogin: readonly State[] = ['authenticated', 'selected']
export const inMailbox: readonly State[] = ['selected']
/** No arguments. */
export const none = (): void => undefined
