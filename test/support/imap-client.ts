// A small IMAP client for tests that send what no real client would: it says octets and waits for what comes.
import { connect, type Socket } from 'node:net'

export interface TestClient {
  readonly socket: Socket
  readonly closed: boolean
  /** Sends octets (one character each). */
  say(octets: string): void
  /** What came up to and with the first match; rejects when the connection closes before, or after `patience` milliseconds. */
  until(wanted: RegExp, patience?: number): Promise<string>
  /** A command with a tag of its own, and all up to its tagged reply. */
  command(text: string, patience?: number): Promise<string>
  /** What came and was not waited for. */
  readonly rest: string
}

/** @param greeting what the server says first; another protocol's may be given */
export async function imapClient(address: string, greeting = /^\* (OK|BYE).*\r\n/m): Promise<TestClient> {
  const at = address.lastIndexOf(':')
  const socket = connect(Number(address.slice(at + 1)), address.slice(0, at))
  socket.setNoDelay(true)
  let text = ''
  let closed = false
  let tag = 0
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  }).on('close', () => {
    closed = true
    wake()
  }).on('error', () => undefined)
  const client: TestClient = {
    socket,
    get closed() { return closed },
    get rest() { return text },
    say: (octets) => { socket.write(octets, 'latin1') },
    async until(wanted, patience = 10_000) {
      let late = false
      const timer = setTimeout(() => {
        late = true
        wake()
      }, patience)
      try {
        for (;;) {
          const found = wanted.exec(text)
          if (found) {
            const upTo = text.slice(0, found.index + found[0].length)
            text = text.slice(upTo.length)
            return upTo
          }
          if (closed || late) throw new Error(`${closed ? 'closed' : `nothing for ${patience} ms`} instead of ${String(wanted)} after ${JSON.stringify(text.slice(-300))}`)
          await new Promise<void>((resolve) => { wake = resolve })
        }
      } finally {
        clearTimeout(timer)
      }
    },
    command(words, patience) {
      const mine = `k${++tag}`
      client.say(`${mine} ${words}\r\n`)
      return client.until(new RegExp(`^${mine} .*\\r\\n`, 'm'), patience)
    },
  }
  await client.until(greeting)
  return client
}
