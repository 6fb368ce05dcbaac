// The commands of POP3, one table row each: name, when it may come, how it is used, what it does.
import type { Session } from './connection.js'
import { languages, Refused } from './replies.js'
import { authenticate, mechanisms } from './sasl.js'

export type State = 'authorization' | 'transaction'

export interface Command {
  readonly states: readonly State[]
  /** Shown when it is used otherwise. */
  readonly usage: string
  readonly args: readonly [least: number, most: number]
  /** Everything behind the name is one argument, blanks included. */
  readonly whole?: boolean
  run(session: Session, args: readonly string[]): Promise<void> | void
}

const both: readonly State[] = ['authorization', 'transaction']
const before: readonly State[] = ['authorization']
const after: readonly State[] = ['transaction']

export const table: Readonly<Record<string, Command>> = {
  CAPA: { states: both, usage: 'CAPA', args: [0, 0], run: (session) => session.list('capabilities', {}, capabilities(session)) },
  USER: {
    states: before, usage: 'USER name', args: [1, 1], whole: true,
    run(session, [name]) {
      session.needsSafety()
      session.user = name
      session.ok('userNext')
    },
  },
  PASS: {
    states: before, usage: 'PASS string', args: [1, 1], whole: true,
    async run(session, [password]) {
      session.needsSafety()
      const { user } = session
      if (user === undefined) throw new Refused('userFirst')
      session.user = undefined
      await session.login(() => session.authenticator.password(user, password!, session.attempt))
    },
  },
  APOP: {
    states: before, usage: 'APOP name digest', args: [2, 2],
    async run(session, [name, digest]) {
      const { timestamp } = session
      if (timestamp === undefined) throw new Refused('noApop')
      await session.login(() => session.authenticator.apop(name!, timestamp, digest!.toLowerCase(), session.attempt))
    },
  },
  AUTH: {
    states: before, usage: 'AUTH mechanism [initial-response]', args: [0, 2],
    async run(session, [mechanism, initial]) {
      // Without a mechanism: not in RFC 5034, but some clients ask so.
      if (mechanism === undefined) return session.list('ok', {}, mechanisms(session))
      await authenticate(session, mechanism.toUpperCase(), initial)
    },
  },
  STLS: {
    states: before, usage: 'STLS', args: [0, 0],
    async run(session) {
      if (session.secure) throw new Refused('tlsAlready')
      if (!session.mayStartTls) throw new Refused('noTls')
      await session.startTls()
    },
  },
  UTF8: {
    states: before, usage: 'UTF8', args: [0, 0],
    run(session) {
      session.utf8 = true
      session.ok('utf8On')
    },
  },
  LANG: {
    states: both, usage: 'LANG [language-range]', args: [0, 1],
    run(session, [range]) {
      if (range === undefined) return session.list('languages', {}, Object.entries(languages).map(([tag, { name }]) => `${tag} ${name}`))
      const tag = Object.keys(languages).find((tag) => range === '*' || range.toLowerCase() === tag || range.toLowerCase().startsWith(`${tag}-`))
      if (tag === undefined) throw new Refused('noLanguage')
      session.language = tag
      session.ok('language', {}, `${tag} `)
    },
  },
  STAT: { states: after, usage: 'STAT', args: [0, 0], run: (session) => session.plain(`${session.maildrop.count} ${session.maildrop.octets}`) },
  LIST: {
    states: after, usage: 'LIST [msg]', args: [0, 1],
    run: (session, [msg]) => listing(session, msg, (number) => `${number} ${session.maildrop.size(number)}`),
  },
  UIDL: {
    states: after, usage: 'UIDL [msg]', args: [0, 1],
    run: (session, [msg]) => listing(session, msg, (number) => `${number} ${session.maildrop.uidl(number)}`),
  },
  RETR: {
    states: after, usage: 'RETR msg', args: [1, 1],
    async run(session, [msg]) {
      const number = messageNumber(session, msg!)
      await session.message(number)
      session.maildrop.retrieved(number)
    },
  },
  TOP: {
    states: after, usage: 'TOP msg n', args: [2, 2],
    async run(session, [msg, n]) {
      const number = messageNumber(session, msg!)
      if (!/^\d{1,9}$/.test(n!)) throw new Refused('syntax', { usage: 'TOP msg n' })
      await session.message(number, Number(n))
    },
  },
  DELE: {
    states: after, usage: 'DELE msg', args: [1, 1],
    run(session, [msg]) {
      const number = messageNumber(session, msg!)
      session.maildrop.delete(number)
      session.ok('deleted', { number })
    },
  },
  RSET: {
    states: after, usage: 'RSET', args: [0, 0],
    run(session) {
      session.maildrop.reset()
      session.ok('reset', { count: session.maildrop.count, octets: session.maildrop.octets })
    },
  },
  NOOP: { states: after, usage: 'NOOP', args: [0, 0], run: (session) => session.ok('ok') },
  QUIT: { states: both, usage: 'QUIT', args: [0, 0], run: (session) => session.quit() },
}

function capabilities(session: Session): string[] {
  return [
    'TOP', 'UIDL', 'RESP-CODES', 'AUTH-RESP-CODE', 'PIPELINING', 'EXPIRE NEVER', `LOGIN-DELAY ${session.loginDelay}`, 'UTF8 USER', 'LANG',
    ...(session.state === 'authorization' ? [...(session.mayUsePassword ? ['USER'] : []), `SASL ${mechanisms(session).join(' ')}`, ...(session.mayStartTls ? ['STLS'] : [])] : []),
    'IMPLEMENTATION Restante',
  ]
}

function messageNumber({ maildrop }: Session, text: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (!maildrop.has(number)) throw new Refused('noMessage', { number: text.slice(0, 20) })
  if (maildrop.isDeleted(number)) throw new Refused('deletedAlready', { number })
  return number
}

function listing(session: Session, msg: string | undefined, line: (number: number) => string): Promise<void> | void {
  if (msg !== undefined) return session.plain(line(messageNumber(session, msg)))
  const { maildrop } = session
  return session.list('list', { count: maildrop.count }, (function* () {
    for (const number of maildrop.numbers()) yield line(number)
  })())
}
