// IMAP BODY and BODYSTRUCTURE (RFC 3501 7.4.2) of a scanned tree. Pure; the tree's depth is bounded by the scan.
import { emptyEnvelope } from './envelope.js'
import type { Content, Entity } from './entity.js'
import { imapNstring, imapString } from './imap-string.js'
import type { OctetString } from './summary.js'

/** BODYSTRUCTURE, or with `extended` false BODY, with its parentheses. */
export function bodyStructure(root: Entity, extended: boolean): OctetString {
  const pieces: OctetString[] = []
  write(root, extended, pieces)
  return pieces.join('')
}

function write(entity: Entity, extended: boolean, out: OctetString[]): void {
  const { content } = entity
  const slash = content.type.indexOf('/')
  const type = imapString(content.type.slice(0, slash))
  const subtype = imapString(content.type.slice(slash + 1))
  out.push('(')
  if (entity.shape === 'multipart') {
    for (const child of entity.children) write(child, extended, out)
    out.push(' ', subtype)
    if (extended) out.push(' ', parameters(content.params), tail(content))
  } else {
    const { params, id, description, encoding } = content
    out.push(`${type} ${subtype} ${parameters(params)} ${imapNstring(id)} ${imapNstring(description)} ${imapString(encoding)} ${entity.bodyLength}`)
    if (entity.shape === 'message') {
      const embedded = entity.children[0]
      out.push(' ', embedded.envelope ?? emptyEnvelope, ' ')
      write(embedded, extended, out)
      out.push(` ${entity.lines}`)
    } else if (content.type.startsWith('text/')) out.push(` ${entity.lines}`)
    if (extended) out.push(' ', imapNstring(content.md5), tail(content))
  }
  out.push(')')
}

function parameters(params: ReadonlyMap<string, OctetString>): OctetString {
  if (params.size === 0) return 'NIL'
  const pairs: OctetString[] = []
  for (const [name, value] of params) pairs.push(`${imapString(name)} ${imapString(value)}`)
  return `(${pairs.join(' ')})`
}

/** Disposition, language, location. */
function tail(content: Content): OctetString {
  const disposition = content.disposition ? `(${imapString(content.disposition.value)} ${parameters(content.disposition.params)})` : 'NIL'
  const language = content.language.length === 0 ? 'NIL' : `(${content.language.map(imapString).join(' ')})`
  return ` ${disposition} ${language} ${imapNstring(content.location)}`
}
