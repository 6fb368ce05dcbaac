// A problem of the configuration and the report that holds them all: `file:line: key: what was found; what is accepted`.

export interface Problem {
  /** 'config/restante.yaml:12', 'environment variable RESTANTE_LOG__LEVEL', '--set log.level'. */
  readonly place: string
  /** Dotted path; '' for the file as a whole. */
  readonly key: string
  readonly what: string
}

export function report(problems: readonly Problem[]): string {
  const lines = problems.map(({ place, key, what }) => [place, key, what].filter((part) => part !== '').join(': '))
  return lines.length === 1 ? lines[0]! : `${lines.length} problems in the configuration:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

/** The candidate that was probably meant, for "did you mean". */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let distance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const d = squash(word) === squash(candidate) ? 0 : editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (d < distance) [best, distance] = [candidate, d]
  }
  return best
}

/** 'idle_timeout', 'idle-timeout' and 'idleTimeout' are one name to a person. */
export function squash(key: string): string {
  return key.toLowerCase().replace(/[-_]/g, '')
}

export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = nearest(word, candidates)
  return near === undefined ? '' : ` (did you mean "${near}"?)`
}

/** Optimal string alignment: insertions, deletions, replacements and neighbours swapped. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let d = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2]! + 1)
      row.push(d)
    }
    ;[before, last] = [last, row]
  }
  return last[b.length]!
}
