// LIST's wildcards: `*` any text, `%` any text within one level. Pure. A set of positions walks the pattern, so no pattern
// costs more than its length times the name's.

export function matcher(pattern: string, separator: string): (name: string) => boolean {
  const plain = compile(pattern)
  // INBOX is INBOX in any case, and so is the first level of what lies below it.
  const first = pattern.indexOf(separator)
  const folded = compile(first < 0 ? pattern.toUpperCase() : pattern.slice(0, first).toUpperCase() + pattern.slice(first))
  return (name) => matches(plain, name, separator) || ((name === 'INBOX' || name.startsWith(`INBOX${separator}`)) && matches(folded, name, separator))
}

/** Runs of wildcards mean what their widest means. */
const compile = (pattern: string): string => pattern.replace(/[%*]{2,}/g, (run) => (run.includes('*') ? '*' : '%'))

function matches(pattern: string, name: string, separator: string): boolean {
  const size = pattern.length
  let here = new Uint8Array(size + 1)
  let next = new Uint8Array(size + 1)
  const enter = (at: Uint8Array, p: number): void => {
    at[p] = 1
    // A wildcard may stand for nothing.
    if (p < size && (pattern[p] === '*' || pattern[p] === '%')) at[p + 1] = 1
  }
  enter(here, 0)
  for (let i = 0; i < name.length; i++) {
    next.fill(0)
    let alive = false
    for (let p = 0; p < size; p++) {
      if (!here[p]) continue
      const wild = pattern[p] === '*' || (pattern[p] === '%' && name[i] !== separator)
      if (wild) enter(next, p)
      else if (pattern[p] === name[i]) enter(next, p + 1)
      else continue
      alive = true
    }
    if (!alive) return false
    ;[here, next] = [next, here]
  }
  return here[size] === 1
}
