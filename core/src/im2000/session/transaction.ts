// What a transaction is (im2000.md B6-B11), for all four protocols: an async generator that takes commands and gives
// replies. The first command starts it; what it yields goes on, what it returns ends it; its `finally` runs when the client
// goes away in the middle.
import type { Account } from '../../accounts/contract.js'
import type { ErrorCode } from '../../errors/codes.js'
import type { Connection } from '../../net/contract.js'
import type { Static, Type } from '../der/types.js'

/** A module, as pdu/common.ts makes them. */
export interface Protocol {
  readonly name: string
  readonly statuses: readonly string[]
  readonly commanddata: Type<any>
  readonly responsedata: Type<any>
  readonly pdu: Type<any>
}
export type CommandOf<P extends Protocol> = Static<P['commanddata']>
export type ResponseOf<P extends Protocol> = Static<P['responsedata']>
export type StatusOf<P extends Protocol> = P['statuses'][number]
/** Fields of one command, or of one response. */
export type FieldsOf<Data, Kind> = Data extends { kind: Kind; value: infer V } ? V : never

export interface Reply<P extends Protocol> {
  /** Decides, alone, whether the transaction was aborted (B9). */
  readonly abort: boolean
  readonly status: StatusOf<P>
  readonly data: ResponseOf<P>
  /** The command did not fit its place: three of these end the session (B13, B15). */
  readonly outOfPlace?: true
  /** The session ends after this. */
  readonly close?: true
}
/** The answer went out already, by `session.hand`. */
export const handed = Symbol('handed')
export type Transaction<P extends Protocol> = AsyncGenerator<Reply<P>, Reply<P> | typeof handed, CommandOf<P>>

/** What a transaction sees of its session. */
export interface SessionView<P extends Protocol> {
  readonly connection: Pick<Connection, 'remoteAddress' | 'remotePort' | 'secure' | 'loopback' | 'log'>
  /** Who is authenticated; set it to authenticate. Every attempt clears it first (B5). */
  account: Account | undefined
  /** Authentications of this session that failed. */
  failures: number
  /** Writes a last reply and resolves when the transport has taken it; rejects when it could not. Then return `handed`. */
  hand(reply: Reply<P>): Promise<void>
}

/** A protocol's first commands. `run` undefined: it never comes first. */
export type Table<P extends Protocol> = {
  readonly [K in CommandOf<P>['kind']]: {
    readonly needs?: 'authentication'
    readonly run?: (session: SessionView<P>, fields: FieldsOf<CommandOf<P>, K>) => Transaction<P>
  }
}

/** One protocol, served: its module, its commands, its words for our errors. */
export interface Service<P extends Protocol> {
  readonly protocol: P
  readonly table: Table<P>
  /** What is not in it is errorinternalproblem. */
  readonly statusOf: { readonly [C in ErrorCode]?: StatusOf<P> }
}

/** Everything in order. */
export const ok = <R extends { kind: string; value: unknown }>(data: R) => ({ abort: false, status: 'noerror', data }) as const
const nothing = { kind: 'null', value: {} } as const
/** The transaction is over and nothing took effect. */
export const abort = <S extends string>(status: S) => ({ abort: true, status, data: nothing }) as const
/** The same, and the command had no business here. */
export const outOfPlace = () => ({ ...abort('errorunexpectedcommand'), outOfPlace: true }) as const

/** For commands that are answered at once: the transaction is one pair. */
export const pair = <P extends Protocol, F>(run: (session: SessionView<P>, fields: F) => Promise<Reply<P> | typeof handed>) =>
  async function* (session: SessionView<P>, fields: F): Transaction<P> {
    return await run(session, fields)
  }
