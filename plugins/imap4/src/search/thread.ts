// THREAD's algorithms (RFC 5256; REFS is REFERENCES without subjects, threads by their newest message). Pure, and in steps, since
// mailboxes are large. Nothing here calls itself: a thread may be as deep as a mailbox is large.
import { isPause } from '../session/turns.js'
import { sentDate, type Sortable } from './sort-keys.js'
import { sorted } from './sort.js'

/** Who stands below whom. Numbers below `size` are messages, the others dummies: ids that somebody refers to. */
export interface Forest { readonly size: number; readonly roots: number[]; readonly kids: number[][] }
type Steps<T> = Generator<void, T>
export type Algorithm = (messages: readonly Sortable[]) => Steps<Forest>

/** Steps towards roots, looking for loops, that one command may take; links beyond are not made. Only mail made for the purpose needs them. */
const mostSteps = 20_000_000

export const algorithms: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['ORDEREDSUBJECT', orderedSubject],
  ['REFERENCES', function* (messages) {
    const forest = yield* byReferences(messages)
    const dates = Float64Array.from(messages, sentDate)
    yield* sortAll(forest, dates)
    yield* gatherSubjects(messages, forest)
    yield* sortAll(forest, dates)
    return forest
  }],
  ['REFS', function* (messages) {
    const forest = yield* byReferences(messages)
    yield* sortAll(forest, Float64Array.from(messages, ({ internalDate }) => internalDate))
    const newest = new Map<number, number>()
    for (const [i, root] of forest.roots.entries()) {
      newest.set(root, newestOf(messages, forest, root))
      if (isPause(i)) yield
    }
    yield* sort(forest.roots, (a, b) => newest.get(a)! - newest.get(b)! || first(forest, a) - first(forest, b))
    return forest
  }],
])

/** @param messages in mailbox order @param number what a message is called in the reply */
export function* thread(messages: readonly Sortable[], algorithm: Algorithm, number: (message: Sortable) => number): Steps<string> {
  const { roots, kids } = yield* algorithm(messages)
  const parts: string[] = []
  // Last in, first out: text, or a node with all that is below it.
  const todo: (string | number)[] = []
  const each = (nodes: readonly number[]): void => {
    for (let i = nodes.length - 1; i >= 0; i--) todo.push(')', nodes[i], '(')
  }
  each(roots)
  for (let next = todo.pop(), step = 0; next !== undefined; next = todo.pop(), step++) {
    if (isPause(step)) yield
    if (typeof next === 'string') {
      parts.push(next)
      continue
    }
    const isDummy = next >= messages.length
    const below = kids[next] ?? []
    if (!isDummy) parts.push(String(number(messages[next])), below.length > 0 ? ' ' : '')
    if (below.length === 1 && !isDummy) todo.push(below[0])
    else each(below)
  }
  return parts.join('')
}

/** Nodes that are sorted at a stroke. */
const few = 64

/** Puts nodes in order, in their place. */
function* sort(nodes: number[], compare: (a: number, b: number) => number): Steps<void> {
  if (nodes.length <= few) {
    nodes.sort(compare)
    return
  }
  for (const [i, node] of (yield* sorted(Uint32Array.from(nodes), compare)).entries()) nodes[i] = node
}

function* orderedSubject(messages: readonly Sortable[]): Steps<Forest> {
  const threads = new Map<string, number[]>()
  for (const [i, { keys }] of messages.entries()) {
    if (isPause(i)) yield
    const same = threads.get(keys.subject)
    if (same) same.push(i)
    else threads.set(keys.subject, [i])
  }
  const kids: number[][] = new Array(messages.length)
  const roots: number[] = []
  const earlier = (a: number, b: number): number => sentDate(messages[a]) - sentDate(messages[b]) || a - b
  for (const all of threads.values()) {
    yield* sort(all, earlier)
    const [root, ...rest] = all
    roots.push(root)
    kids[root] = rest
  }
  yield* sort(roots, earlier)
  return { size: messages.length, roots, kids }
}

/** Steps 1 to 3: links, and no dummies but roots with several children. */
function* byReferences(messages: readonly Sortable[]): Steps<Forest> {
  const nodes = new Map<string, number>()
  for (const [i, { keys }] of messages.entries()) if (keys.messageId !== '' && !nodes.has(keys.messageId)) nodes.set(keys.messageId, i)
  const parents: number[] = messages.map(() => -1)
  const below: number[] = messages.map(() => 0)
  const nodeOf = (id: string): number => {
    let node = nodes.get(id)
    if (node === undefined) {
      nodes.set(id, (node = parents.length))
      parents.push(-1)
      below.push(0)
    }
    return node
  }
  let steps = mostSteps
  const wouldLoop = (parent: number, child: number): boolean => {
    // Nearly always nothing is below the child yet.
    if (below[child] === 0) return parent === child
    for (let at = parent; at >= 0; at = parents[at]) if (at === child || --steps < 0) return true
    return false
  }
  const link = (parent: number, child: number): void => {
    if (wouldLoop(parent, child)) return
    parents[child] = parent
    below[parent]++
  }
  for (const [i, { keys }] of messages.entries()) {
    if (isPause(i)) yield
    const ids = keys.references.map(nodeOf)
    for (let n = 1; n < ids.length; n++) if (parents[ids[n]] < 0) link(ids[n - 1], ids[n])
    // 1.B: the last reference is the parent, whatever others say.
    if (parents[i] >= 0) below[parents[i]]--
    parents[i] = -1
    const last = ids.at(-1)
    if (last !== undefined) link(last, i)
  }
  // The nearest message above, else the topmost dummy.
  const above = (node: number): number => {
    let top = node
    while (top >= messages.length && parents[top] >= 0) top = parents[top]
    for (let at = node; at !== top;) {
      const next = parents[at]
      parents[at] = top
      at = next
    }
    return top
  }
  const kids: number[][] = new Array(parents.length)
  const roots: number[] = []
  for (let i = 0; i < messages.length; i++) {
    if (isPause(i)) yield
    if (parents[i] < 0) roots.push(i)
    else {
      const parent = above(parents[i])
      if (!kids[parent]) {
        kids[parent] = []
        if (parent >= messages.length) roots.push(parent)
      }
      kids[parent].push(i)
    }
  }
  // A dummy with one child is that child.
  return { size: messages.length, roots: roots.map((root) => (root >= messages.length && kids[root].length === 1 ? kids[root][0] : root)), kids }
}

/** The first message of a thread: a dummy has none of its own. */
const first = ({ size, kids }: Forest, node: number): number => (node < size ? node : kids[node][0])

/** Steps 4 and 6: siblings by date, those of equal date as they stand in the mailbox; a dummy by its first child. @param dates of the messages */
function* sortAll(forest: Forest, dates: Float64Array): Steps<void> {
  const earlier = (a: number, b: number): number => {
    const x = first(forest, a)
    const y = first(forest, b)
    return dates[x] - dates[y] || x - y
  }
  for (const [i, some] of forest.kids.entries()) {
    if (some !== undefined && some.length > 1) yield* sort(some, earlier)
    if (isPause(i)) yield
  }
  yield* sort(forest.roots, earlier)
}

/** Step 5: threads of one subject become one. */
function* gatherSubjects(messages: readonly Sortable[], forest: Forest): Steps<void> {
  const { kids, roots } = forest
  const isReal = (node: number): boolean => node < messages.length
  const subjectOf = (node: number): string => messages[first(forest, node)].keys.subject
  const isReply = (node: number): boolean => isReal(node) && messages[node].keys.isReply
  const table = new Map<string, number>()
  for (const [i, root] of roots.entries()) {
    if (isPause(i)) yield
    const subject = subjectOf(root)
    if (subject === '') continue
    const there = table.get(subject)
    if (there === undefined || (isReal(there) && (!isReal(root) || (isReply(there) && !isReply(root))))) table.set(subject, root)
  }
  const gone = new Set<number>()
  const replaced = new Map<number, number>()
  let nextDummy = Math.max(messages.length, kids.length)
  for (const [i, root] of roots.entries()) {
    if (isPause(i)) yield
    const subject = subjectOf(root)
    const there = table.get(subject)
    if (subject === '' || there === undefined || there === root || replaced.get(root) === there) continue
    if (!isReal(there)) {
      if (isReal(root)) kids[there].push(root)
      else for (const kid of kids[root]) kids[there].push(kid)
    } else if (isReply(root) && !isReply(there)) (kids[there] ??= []).push(root)
    else {
      const dummy = nextDummy++
      kids[dummy] = [there, root]
      table.set(subject, dummy)
      replaced.set(there, dummy)
    }
    gone.add(root)
  }
  const kept = [...keep(roots, gone, replaced)]
  roots.length = 0
  for (const root of kept) roots.push(root)
}

function* keep(roots: readonly number[], gone: ReadonlySet<number>, replaced: ReadonlyMap<number, number>): Iterable<number> {
  for (const root of [...roots]) if (!gone.has(root)) yield replaced.get(root) ?? root
}

function newestOf(messages: readonly Sortable[], { kids }: Forest, root: number): number {
  let newest = -Infinity
  const todo = [root]
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (node < messages.length && messages[node].internalDate > newest) newest = messages[node].internalDate
    for (const kid of kids[node] ?? []) todo.push(kid)
  }
  return newest
}
