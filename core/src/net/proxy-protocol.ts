// The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): who is behind the load balancer. The parser
// is pure; the reader takes exactly the header off a socket.
import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.js'

export interface Proxied { readonly remoteAddress: string; readonly remotePort: number; readonly localAddress: string; readonly localPort: number }

export type Parsed =
  | 'more'
  | 'malformed'
  /** `from` is undefined when the balancer speaks for itself (health check) or of something that is no IP. */
  | { readonly length: number; readonly from: Proxied | undefined }

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** Version 1: 107 octets at most, says the specification. */
const maxLine = 107
/** Version 2 with extensions (TLS certificates' names and such). The specification's sender must fit into 536 octets where it can. */
const maxBlock = 4096

export function parseProxyHeader(data: Buffer): Parsed {
  if (data.length === 0) return 'more'
  return data[0] === 0x50 ? parseLine(data) : parseBlock(data)
}

function parseLine(data: Buffer): Parsed {
  const end = data.subarray(0, maxLine).indexOf('\r\n')
  if (end < 0) return data.length >= maxLine || !'PROXY '.startsWith(data.toString('latin1', 0, Math.min(6, data.length))) ? 'malformed' : 'more'
  const [keyword, family, source = '', target = '', sourcePort = '', targetPort = '', ...rest] = data.toString('latin1', 0, end).split(' ')
  if (keyword !== 'PROXY') return 'malformed'
  const length = end + 2
  if (family === 'UNKNOWN') return { length, from: undefined }
  const good = family === 'TCP4' ? isV4 : family === 'TCP6' ? isV6 : undefined
  if (!good || rest.length || !good(source) || !good(target) || !isPort(sourcePort) || !isPort(targetPort)) return 'malformed'
  return { length, from: { remoteAddress: source, remotePort: Number(sourcePort), localAddress: target, localPort: Number(targetPort) } }
}

function parseBlock(data: Buffer): Parsed {
  if (signature.compare(data, 0, Math.min(data.length, 12), 0, Math.min(data.length, 12)) !== 0) return 'malformed'
  if (data.length < 16) return 'more'
  const [version, command] = [data[12]! >> 4, data[12]! & 15]
  const [family, transport] = [data[13]! >> 4, data[13]! & 15]
  const rest = data.readUInt16BE(14)
  if (version !== 2 || command > 1 || family > 3 || transport > 2 || rest > maxBlock) return 'malformed'
  const length = 16 + rest
  if (data.length < length) return 'more'
  if (command === 0 || (family !== 1 && family !== 2) || transport !== 1) return { length, from: undefined }
  const size = family === 1 ? 4 : 16
  if (rest < 2 * size + 4) return 'malformed'
  const address = (at: number): string => (size === 4 ? data.subarray(at, at + 4).join('.') : v6(data.subarray(at, at + 16)))
  const ports = 16 + 2 * size
  return { length, from: { remoteAddress: address(16), localAddress: address(16 + size), remotePort: data.readUInt16BE(ports), localPort: data.readUInt16BE(ports + 2) } }
}

/** Takes the header off the socket and puts back what came behind it. Resolves undefined when there is none in time, or a broken one. */
export function readProxyHeader(socket: Socket, ms: number, clock: Clock): Promise<{ from: Proxied | undefined } | undefined> {
  return new Promise((resolve) => {
    let data: Buffer = Buffer.alloc(0)
    const finish = (answer: { from: Proxied | undefined } | undefined): void => {
      timer.clear()
      socket.off('readable', read).off('close', gone)
      resolve(answer)
    }
    const gone = (): void => finish(undefined)
    const timer = clock.after(ms, gone)
    const read = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) data = data.length ? Buffer.concat([data, chunk]) : chunk
      const parsed = parseProxyHeader(data)
      if (parsed === 'more') return
      if (parsed === 'malformed') return finish(undefined)
      if (data.length > parsed.length) socket.unshift(data.subarray(parsed.length))
      finish({ from: parsed.from })
    }
    socket.on('readable', read).on('close', gone)
    read()
  })
}

function v6(octets: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16))
  return plainV6(groups.join(':'))
}
/** '2001:db8:0:0:0:0:0:1' → '2001:db8::1', as sockets report it. */
function plainV6(address: string): string {
  const longest = [...address.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length)[0]
  if (!longest) return address
  return `${address.slice(0, longest.index)}::${address.slice(longest.index + longest[0].length + 1)}`
}
const isV4 = (text: string): boolean => /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) && text.split('.').every((n) => Number(n) < 256)
const isV6 = (text: string): boolean => text.includes(':') && URL.canParse(`http://[${text}]/`)
const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) < 65_536
