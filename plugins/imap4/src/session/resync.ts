// What changed while a client was away: VANISHED (EARLIER), then FETCH of what has a higher mod-sequence (RFC 7162 3.2.5, 3.2.6).
import type { Modseq, Seq, Uid } from '@restante/core'
import type { Resync } from '../grammar/select-parameters.js'
import { formatRanges, intersection, type Ranges } from '../grammar/sequence-set.js'
import { tellKeywords } from './announce.js'
import { Cursor } from './selected.js'
import type { Session } from './session.js'

/** Tells which of the UIDs `asked` are gone since `modseq`. */
export async function tellVanished(session: Session, modseq: number, asked: Ranges): Promise<void> {
  const { say, open: { mailbox } } = session
  const gone = intersection(await mailbox.expungedSince(modseq as Modseq), asked)
  if (gone.length > 0) say.line(`* VANISHED (EARLIER) ${formatRanges(gone)}`)
}

/** SELECT (QRESYNC (…)). */
export async function resync(session: Session, { uidValidity, modseq, known, sample }: Resync): Promise<void> {
  const { open, say, turn } = session
  const { mailbox } = open
  const { index, view } = mailbox
  // Another UIDVALIDITY: the client sees that by itself, and nothing that it knows counts.
  if (uidValidity !== mailbox.uidValidity || index.uidNext <= 1) return
  const asked = intersection(known ?? [1, index.uidNext - 1], [1, index.uidNext - 1])
  const settled = sample ? settledUpTo(sample, (seq) => view.uidAt(seq as Seq)) : 0
  await tellVanished(session, modseq, intersection(asked, [settled + 1, 0xffff_ffff]))
  tellKeywords(session, open)
  const cursor = new Cursor(open)
  for (let i = 0; i < asked.length; i += 2) {
    for (const uid of view.uidsBetween(asked[i] as Uid, asked[i + 1] as Uid)) {
      if (turn.over) await turn.pass()
      if (!cursor.go(uid) || cursor.modseq <= modseq) continue
      say.text(`${cursor.lead(true)}FLAGS ${cursor.flagList()} MODSEQ (${cursor.modseq}))\r\n`)
      if (say.full) await say.flush()
    }
  }
}

/** The highest UID of the client's sample that still has its message number: no message up to it is gone. */
export function settledUpTo({ seqs, uids }: NonNullable<Resync['sample']>, uidAt: (seq: number) => number | undefined): number {
  let settled = 0
  // Both are ranges; what belongs together is walked in step. Only ends of common runs matter, since a run of equal pairs moves together.
  let s = 0
  let u = 0
  let seq = seqs[0]
  let uid = uids[0]
  while (s < seqs.length && u < uids.length) {
    const run = Math.min(seqs[s + 1] - seq, uids[u + 1] - uid)
    const matching = longestMatch(seq, uid, run, uidAt)
    if (matching >= 0) settled = uid + matching
    if (matching < run) break
    seq += run + 1
    uid += run + 1
    if (seq > seqs[s + 1]) seq = seqs[s += 2]
    if (uid > uids[u + 1]) uid = uids[u += 2]
  }
  return settled
}

/** How far `uidAt(seq + n) === uid + n` holds; -1 when not even at 0. It fails from some n on: UIDs ascend. */
function longestMatch(seq: number, uid: number, run: number, uidAt: (seq: number) => number | undefined): number {
  let low = -1
  let high = run
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (uidAt(seq + middle) === uid + middle) low = middle
    else high = middle - 1
  }
  return low
}
