// Frames of test/fixtures/der: hex with comments. `# NAME text` begins the one called NAME; what stands behind # on a line of hex is for people.
import { readFileSync } from 'node:fs'

export interface Vector { readonly name: string; readonly title: string; readonly octets: Buffer }

export function readVectors(file: string): Vector[] {
  const vectors: { name: string; title: string; hex: string }[] = []
  for (const line of readFileSync(new URL(`../fixtures/der/${file}`, import.meta.url), 'utf8').split('\n')) {
    const begun = /^# ([WNQ]\d\d)(?: (.*))?$/.exec(line)
    if (begun) vectors.push({ name: begun[1], title: begun[2] ?? '', hex: '' })
    else if (vectors.length > 0) vectors.at(-1)!.hex += line.replace(/#.*/, '').replace(/\s/g, '')
  }
  return vectors.map(({ name, title, hex }) => ({ name, title, octets: Buffer.from(hex, 'hex') }))
}
export const vector = (file: string, name: string): Buffer => readVectors(file).find((one) => one.name === name)!.octets
