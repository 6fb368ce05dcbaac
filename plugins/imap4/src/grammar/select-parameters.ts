// Parameters of SELECT and EXAMINE (RFC 4466): CONDSTORE, QRESYNC (RFC 7162). Pure.
import { BadCommand, type Reader } from '../wire/reader.js'
import { ranges, saved, sequenceSet, type Ranges } from './sequence-set.js'

export interface Resync {
  readonly uidValidity: number
  readonly modseq: number
  /** What the client has; undefined for all. */
  readonly known: Ranges | undefined
  /** Message numbers and UIDs that belonged together, as the client remembers. */
  readonly sample: { readonly seqs: Ranges; readonly uids: Ranges } | undefined
}
export interface SelectParameters { readonly condstore: boolean; readonly resync: Resync | undefined }

export function selectParameters(r: Reader): SelectParameters {
  const names = new Set<string>()
  let resync: Resync | undefined
  r.list(() => {
    const name = r.word('a parameter')
    if (names.has(name)) throw new BadCommand(`${name} twice`)
    names.add(name)
    if (name === 'QRESYNC') resync = qresync(r.sp())
    else if (name !== 'CONDSTORE') throw new BadCommand(`There is no parameter ${name}`)
  })
  if (names.size === 0) throw new BadCommand('Which parameters?')
  return { condstore: names.has('CONDSTORE'), resync }
}

function qresync(r: Reader): Resync {
  r.expect('(')
  const uidValidity = r.nzNumber('a UIDVALIDITY')
  const modseq = r.sp().modseq()
  if (modseq === 0) throw new BadCommand('A mod-sequence is at least 1')
  let known: Ranges | undefined
  let sample: Resync['sample']
  let more = r.take(' ')
  if (more && r.peek() !== '(') {
    known = starless(r)
    more = r.take(' ')
  }
  if (more) {
    r.expect('(')
    const seqs = starless(r)
    sample = { seqs, uids: starless(r.sp()) }
    r.expect(')')
  }
  r.expect(')')
  return { uidValidity, modseq, known, sample }
}

function starless(r: Reader): Ranges {
  const set = sequenceSet(r)
  if (set === saved || set.includes(0)) throw new BadCommand('* is not allowed here')
  return ranges(set, 0)
}
