// Plays golden transcripts: files that read like the protocol.
//
//   # comment
//   C: a1 LOGIN {{USER}} {{PASSWORD}}     sent, with CRLF
//   C: a2 APPEND INBOX {?}                {?} and {?+}: the octets of the next C| lines, counted
//   C| Subject: hello                     one line of a literal, with CRLF
//   C\ a3 NOOP\x00\r\n                    sent with \x.., \r, \n, \\ undone, and nothing added
//   C* 100000 (                           sent so many times, nothing added
//   S: a1 OK Logged in                    the next line must be this
//   S~ a1 OK \[UIDNEXT (?<NEXT>\d+)\] .*  the next line must match; named groups become variables
//   S+ a1 (OK|NO) .*                      lines are skipped until one matches
//   SESSION: 2                            the other connection (opened when first named)
//   TLS                                   the client begins TLS (after STARTTLS)
//   QUIET                                 nothing comes for 150 ms
//   CLOSED                                the server closes
//   HANGUP                                the client closes, without a word
//
// Literals from the server are compared like other text, line by line.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'

export interface TranscriptOptions {
  /** A fresh connection for a session number. */
  open(session: number): Promise<Socket>
  /** What `{{NAME}}` stands for. */
  readonly variables: Readonly<Record<string, string>>
  /** Writes the client's octets one at a time. */
  readonly octetByOctet?: boolean
  /** Milliseconds to wait for a line. Default 5,000. */
  readonly patience?: number
}

interface Step { readonly at: number; readonly mark: string; readonly text: string }

const form = /^(C:|C\||C\\|C\*|S:|S~|S\+|SESSION:|TLS|QUIET|CLOSED|HANGUP)(?: (.*))?$/

/** Plays the transcript in `file`. Throws an Error that names file, line, what was wanted and what came. */
export async function playTranscript(file: string, options: TranscriptOptions): Promise<void> {
  const steps = parse(readFileSync(file, 'utf8'), file)
  const variables = new Map(Object.entries(options.variables))
  const ends = new Map<number, End>()
  let end: End | undefined
  const session = async (number: number): Promise<End> => {
    const known = ends.get(number)
    if (known) return known
    const made = new End(await options.open(number), options.octetByOctet === true)
    ends.set(number, made)
    return made
  }
  try {
    for (const [i, step] of steps.entries()) {
      const text = step.text.replace(/\{\{(\w+)\}\}/g, (all, name: string) => variables.get(name) ?? all)
      try {
        if (step.mark === 'SESSION:') end = await session(Number(text))
        else await play(step.mark, text, (end ??= await session(1)), steps.slice(i + 1), variables, options.patience ?? 5000)
      } catch (error) {
        throw new Error(`${file}:${step.at}: ${step.mark} ${text}\n${(error as Error).message}\nlast lines:\n${end?.recent.join('\n') ?? ''}`, { cause: error })
      }
    }
  } finally {
    for (const each of ends.values()) each.destroy()
  }
}

function parse(source: string, file: string): Step[] {
  const steps: Step[] = []
  for (const [i, line] of source.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const found = form.exec(line)
    if (!found) throw new Error(`${file}:${i + 1}: not a transcript line: ${line}`)
    steps.push({ at: i + 1, mark: found[1], text: found[2] ?? '' })
  }
  return steps
}

async function play(mark: string, text: string, end: End, rest: readonly Step[], variables: Map<string, string>, patience: number): Promise<void> {
  switch (mark) {
    case 'C:':
      return end.send(`${text.replace(/\{\?(\+?)\}$/, (_, plus: string) => `{${literalSize(rest, variables)}${plus}}`)}\r\n`)
    case 'C|':
      return end.send(`${text}\r\n`)
    case 'C\\':
      return end.send(Buffer.from(text.replace(/\\(x[0-9a-f]{2}|r|n|\\)/gi, (_, code: string) =>
        code === 'r' ? '\r' : code === 'n' ? '\n' : code === '\\' ? '\\' : String.fromCharCode(parseInt(code.slice(1), 16))), 'latin1'))
    case 'C*': {
      const [times, what] = text.split(/ (.*)/s)
      return end.send(what.repeat(Number(times)))
    }
    case 'S:': {
      const line = await end.line(patience)
      if (line !== text) throw new Error(`wanted ${JSON.stringify(text)}\ngot    ${JSON.stringify(line)}`)
      return
    }
    case 'S~': case 'S+': {
      const wanted = new RegExp(`^(?:${text})$`)
      for (; ;) {
        const line = await end.line(patience)
        const found = line === undefined ? null : wanted.exec(line)
        for (const [name, value] of Object.entries(found?.groups ?? {})) variables.set(name, value)
        if (found) return
        if (mark === 'S~' || line === undefined) throw new Error(`wanted ${String(wanted)}\ngot    ${JSON.stringify(line)}`)
      }
    }
    case 'TLS':
      return end.startTls()
    case 'QUIET': {
      const line = await Promise.race([end.line(patience), sleep(150, 'quiet')])
      if (line !== 'quiet') throw new Error(`wanted silence\ngot    ${JSON.stringify(line)}`)
      return end.forgetWaiter()
    }
    case 'CLOSED': {
      const line = await end.line(patience)
      if (line !== undefined) throw new Error(`wanted the end\ngot    ${JSON.stringify(line)}`)
      return
    }
    case 'HANGUP':
      return end.destroy()
  }
}

function literalSize(rest: readonly Step[], variables: ReadonlyMap<string, string>): number {
  const first = rest.findIndex((step) => step.mark === 'C|')
  let size = 0
  for (let i = first; i >= 0 && rest[i]?.mark === 'C|'; i++) size += Buffer.byteLength(rest[i].text.replace(/\{\{(\w+)\}\}/g, (all, name: string) => variables.get(name) ?? all)) + 2
  return size
}

/** The client's end of one session. */
class End {
  /** The last lines in both directions, for people. */
  readonly recent: string[] = []
  #rest = ''
  #lines: string[] = []
  #closed = false
  #wake: (() => void) | undefined

  constructor(private socket: Socket, private readonly octetByOctet: boolean) { this.#listen() }

  async send(octets: string | Buffer): Promise<void> {
    const buffer = typeof octets === 'string' ? Buffer.from(octets, 'utf8') : octets
    this.#note(`C: ${buffer.toString('latin1').slice(0, 300).trimEnd()}`)
    if (!this.octetByOctet || buffer.length > 5000) {
      this.socket.write(buffer)
      return
    }
    this.socket.setNoDelay(true)
    for (const octet of buffer) {
      this.socket.write(Buffer.of(octet))
      await setImmediate()
    }
  }

  /** The next line, octets as UTF-8 where they are; undefined at the end of the stream. */
  async line(patience: number): Promise<string | undefined> {
    const deadline = Date.now() + patience
    while (this.#lines.length === 0) {
      if (this.#closed) return undefined
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`nothing came for ${patience} ms${this.#rest ? ` but ${JSON.stringify(this.#rest)}` : ''}`)
      await Promise.race([new Promise<void>((resolve) => { this.#wake = resolve }), sleep(left)])
    }
    return this.#lines.shift()
  }

  forgetWaiter(): void { this.#wake = undefined }

  async startTls(): Promise<void> {
    this.socket.removeAllListeners('data')
    const tls = connectTls({ socket: this.socket, rejectUnauthorized: false })
    await new Promise<void>((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject))
    this.socket = tls
    this.#listen()
  }

  destroy(): void { this.socket.destroy() }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#rest += chunk.toString('latin1')
      const lines = this.#rest.split('\r\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) {
        const text = Buffer.from(line, 'latin1').toString('utf8')
        this.#note(`S: ${text.slice(0, 300)}`)
        this.#lines.push(text)
      }
      this.#wake?.()
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
  }

  #note(line: string): void {
    this.recent.push(line)
    if (this.recent.length > 25) this.recent.shift()
  }
}
