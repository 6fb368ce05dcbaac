// Golden IM2000 transcripts, each played with whole frames and with one octet at a time.
//
//   MSOAP                    whose session it is
//   C: track {…}             a command with its fields as JSON
//   S: null abort errorX {…} the response, its abort flag, its status, its fields (checked when given)
//   C W38, S W40, C 00ff     a vector of test/fixtures/der, or a frame in hex, octet for octet
//   CLOSED                   the server closes
//
// In JSON "12n" is a bigint, "$NAME" the octets that an answer gave that name, and other text is octets where octets are wanted.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readVectors } from '../support/vectors.js'
import { startIm2000, type Im2000, type ProtocolName, type RawSession } from '../support/im2000.js'
import { encodeFramed } from '../../core/dist/im2000/der/framer.js'
import { protocols } from '../../core/dist/im2000/describe.js'

const folder = join(import.meta.dirname, 'im2000')
const scripts = readdirSync(folder).filter((name) => name.endsWith('.test-script')).sort()
const vectors = new Map(['msoap', 'msrap', 'rnasp', 'rnaqp', 'hostile'].flatMap((name) => readVectors(`${name}.hex`)).map((one) => [one.name, one.octets]))
const octetFields = new Set(['data', 'identifier'])

/** JSON to what the codec takes. */
function valueOf(json: unknown, names: ReadonlyMap<string, Buffer>, field = ''): unknown {
  if (Array.isArray(json)) return json.map((one) => valueOf(one, names, field))
  if (typeof json === 'object' && json !== null) return Object.fromEntries(Object.entries(json).map(([name, one]) => [name, valueOf(one, names, name)]))
  if (typeof json !== 'string') return json
  if (/^\d+n$/.test(json)) return BigInt(json.slice(0, -1))
  if (json.startsWith('$')) return names.get(json.slice(1))
  return octetFields.has(field) || field === 'lists' ? Buffer.from(json) : json
}
/** Fields of a response against JSON; "$NAME" takes what is there. */
function compare(actual: any, json: any, names: Map<string, Buffer>): void {
  if (typeof json === 'string' && json.startsWith('$')) names.set(json.slice(1), actual)
  else if (typeof json === 'object' && json !== null) {
    expect(Object.keys(actual)).toEqual(Object.keys(json))
    for (const key of Object.keys(json)) compare(actual[key], json[key], names)
  } else expect(actual).toEqual(json)
}

async function play(text: string, im: Im2000, octetByOctet: boolean): Promise<void> {
  const names = new Map<string, Buffer>()
  let session: RawSession | undefined
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    try {
      const [mark, what = '', ...rest] = line.split(' ')
      const fields = /\{.*\}$/.exec(line)?.[0]
      if (/^[A-Z]{5}$/.test(mark)) session = await im.raw(mark.toLowerCase() as ProtocolName)
      else if (mark === 'CLOSED') expect(await session!.pdu()).toBeUndefined()
      else if (mark === 'C:' || mark === 'C') {
        const octets = mark === 'C' ? vectors.get(what) ?? Buffer.from(what, 'hex')
          : encodeFramed<any>(protocols[session!.protocol].pdu, { kind: 'command', value: { commanddata: { kind: what, value: valueOf(JSON.parse(fields!), names) } } })
        if (octetByOctet) await session!.trickle(octets)
        else session!.send(octets)
      } else if (mark === 'S') expect((await session!.pdu())?.toString('hex')).toBe(vectors.get(what)!.subarray(4).toString('hex'))
      else if (mark === 'S:') {
        const said = await session!.answer()
        const abort = rest[0] === 'abort'
        expect(said).toMatchObject({ kind: what, abort, status: abort ? rest[1] : rest[0] })
        if (said !== 'closed' && fields) compare(said.value, JSON.parse(fields), names)
      } else throw new Error('not a transcript line')
    } catch (error) {
      throw new Error(`line ${i + 1}: ${line}\n${(error as Error).message}`, { cause: error })
    }
  }
  session?.hangUp()
}

let im: Im2000
beforeAll(async () => { im = await startIm2000({ accounts: 2 * scripts.length }) })
afterAll(() => im?.stop())

describe('IM2000 transcripts', () => {
  for (const [i, script] of scripts.entries()) {
    for (const octetByOctet of [false, true]) {
      it(`${script}${octetByOctet ? ', octet by octet' : ''}`, async () => {
        const user = im.name(2 * i + (octetByOctet ? 2 : 1))
        const variables: Record<string, string> = { USER: user, PASSWORD: im.password, LOCAL: user.split('@')[0] }
        await play(readFileSync(join(folder, script), 'utf8').replace(/\{\{(\w+)\}\}/g, (_, name: string) => variables[name]), im, octetByOctet)
      })
    }
  }
})

describe('rubbish over the wire', () => {
  it('T6 T7 mutated frames are answered or end the session, and neither sessions nor memory leak', async () => {
    const all = [...vectors.values()]
    let seed = 1
    const next = (n: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n
    const rounds = 300 * Number(process.env.FUZZ ?? 1)
    for (let i = 0; i < rounds; i++) {
      const session = await im.raw((['msoap', 'msrap', 'rnasp', 'rnaqp'] as const)[i % 4])
      for (let k = 0; k < 4; k++) {
        const octets = Buffer.from(all[next(all.length)])
        for (let edits = next(3); edits >= 0; edits--) octets[4 + next(Math.max(1, octets.length - 4))] = next(256)
        session.send(octets)
      }
      session.socket.end()
      await session.end()
    }
    for (const name of ['msoap', 'msrap', 'rnasp', 'rnaqp'] as const) {
      const session = await im.raw(name)
      session.send(Buffer.from('00000002a100', 'hex'))
      expect(await session.answer()).toMatchObject({ status: 'errormalformedpdu' })
      session.hangUp()
    }
  })
})
