// A DNS server on UDP for tests: answers from a zone that may be changed at any time. Only what our programs ask for.
import { createSocket } from 'node:dgram'

export type Answer =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'SRV'; readonly priority?: number; readonly weight?: number; readonly port: number; readonly target: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'PTR'; readonly target: string }
/** Lower-case names without the last dot to their records. 'SERVFAIL': the server's trouble; 'silence': no answer at all. Other names do not exist. */
export type DnsZone = Record<string, readonly Answer[] | 'SERVFAIL' | 'silence'>

const types = { A: 1, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33 } as const

export async function startDns(zone: DnsZone): Promise<{ readonly address: string; readonly asked: string[]; stop(): Promise<void> }> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const { name, type, end } = question(query)
    asked.push(`${Object.entries(types).find(([, number]) => number === type)?.[0] ?? type} ${name}`)
    const found = zone[name.toLowerCase()]
    if (found === 'silence') return
    const records = Array.isArray(found) ? (found as readonly Answer[]).filter((record) => types[record.type] === type) : []
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8580 | (found === 'SERVFAIL' ? 2 : found === undefined ? 3 : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    const answers = records.map((record) => {
      const data = dataOf(record)
      const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, 0])
      head.writeUInt16BE(data.length, 10)
      return Buffer.concat([head, data])
    })
    socket.send(Buffer.concat([header, query.subarray(12, end), ...answers]), from.port, from.address)
  })
  await new Promise<void>((ready) => { socket.bind(0, '127.0.0.1', ready) })
  return { address: `127.0.0.1:${socket.address().port}`, asked, stop: () => new Promise((done) => { socket.close(() => done()) }) }
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (; query[at] !== 0; at += 1 + query[at]) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

const nameOf = (name: string): Buffer => Buffer.concat([...name.replace(/\.$/, '').split('.').filter(Boolean).map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0])])
const short = (...numbers: number[]): Buffer => Buffer.concat(numbers.map((number) => Buffer.from([number >> 8, number & 255])))

function dataOf(record: Answer): Buffer {
  switch (record.type) {
    case 'A': return Buffer.from(record.address.split('.').map(Number))
    case 'AAAA': {
      const [head, tail = []] = record.address.split('::').map((half) => half.split(':').filter(Boolean))
      const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
      return short(...groups.map((group) => Number.parseInt(group, 16)))
    }
    case 'PTR': return nameOf(record.target)
    case 'MX': return Buffer.concat([short(record.preference), nameOf(record.exchange)])
    case 'SRV': return Buffer.concat([short(record.priority ?? 0, record.weight ?? 0, record.port), nameOf(record.target)])
    case 'TXT': return Buffer.concat((record.text.match(/.{1,255}/gs) ?? ['']).map((part) => Buffer.from([part.length, ...Buffer.from(part, 'latin1')])))
  }
}
