// The structure of one part out of a message's BODYSTRUCTURE (BODYPARTSTRUCTURE, RFC 5259), as text. Pure; what it reads is our own.

/** The elements of a parenthesised list: strings with their quotes, literals whole, lists with their parentheses. */
function elements(list: string): string[] {
  const found: string[] = []
  let at = 1
  while (at < list.length - 1) {
    const end = endOf(list, at)
    found.push(list.slice(at, end))
    at = list[end] === ' ' ? end + 1 : end
  }
  return found
}

/** Behind the element that begins at `at`. Lists are walked over without recursion: they nest as deep as messages do. */
function endOf(text: string, at: number): number {
  const token = /"(?:[^"\\]|\\.)*"|\{(\d+)\}\r\n|[() ]|[^ ()"{]+/sy
  token.lastIndex = at
  let depth = 0
  for (;;) {
    const found = token.exec(text)
    if (!found) throw new Error('Not a body structure')
    if (found[0] === '(') depth++
    else if (found[0] === ')') depth--
    else if (found[1] !== undefined) token.lastIndex += Number(found[1])
    if (depth === 0) return token.lastIndex
  }
}

const isMultipart = (structure: string): boolean => structure[1] === '('
const isMessage = (fields: readonly string[]): boolean => /^"message"$/i.test(fields[0]!) && /^"(rfc822|global)"$/i.test(fields[1]!)

/** The structure of a part ('' for the whole message, '2.1' as sections count); undefined when there is none. */
export function partStructure(whole: string, part: string): string | undefined {
  let structure: string | undefined = whole
  if (part === '') return structure
  let within: 'message' | 'multipart' | 'single' = 'message'
  for (const number of part.split('.').map(Number)) {
    // A message/rfc822 is opened by the number below it.
    let fields: string[] = elements(structure)
    if (within !== 'message' && !isMultipart(structure) && isMessage(fields)) {
      structure = fields[8]!
      fields = elements(structure)
    } else if (within === 'single') return undefined
    if (isMultipart(structure)) structure = fields.slice(0, fields.findIndex((one) => !one.startsWith('('))).at(number - 1)
    else if (number !== 1) return undefined
    if (structure === undefined) return undefined
    within = isMultipart(structure) ? 'multipart' : 'single'
  }
  return structure
}

/** The same with its transfer encoding undone: `size` octets. */
export function decodedStructure(structure: string, size: number): string {
  if (isMultipart(structure)) return structure
  const fields = elements(structure)
  return `(${fields.map((field, i) => (i === 5 ? '"BINARY"' : i === 6 ? String(size) : field)).join(' ')})`
}
