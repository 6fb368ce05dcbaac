// The flat table of a scanned tree, from which every section is a range of octets. Pure.
import type { Entity } from './entity.js'
import type { Part } from './summary.js'

/** Rows in tree order. An embedded message's multipart root has no row: its octets are the `embedded` of the row above. */
export function partTable(entities: readonly Entity[]): Part[] {
  const parts: Part[] = []
  for (const entity of entities) {
    if (entity.section === undefined) continue
    const { content } = entity
    const embedded = entity.shape === 'message' ? entity.children[0] : undefined
    parts.push({
      section: entity.section,
      headerOffset: entity.headerOffset,
      headerLength: entity.headerLength,
      bodyOffset: entity.bodyOffset,
      bodyLength: entity.bodyLength,
      lines: entity.lines,
      type: content.type,
      encoding: content.encoding,
      charset: content.charset,
      filename: content.filename,
      disposition: content.disposition?.value ?? '',
      ...(embedded && {
        embedded: { headerOffset: embedded.headerOffset, headerLength: embedded.headerLength, bodyOffset: embedded.bodyOffset, bodyLength: embedded.bodyLength },
      }),
    })
  }
  return parts
}

const signatures = new Set(['application/pkcs7-signature', 'application/x-pkcs7-signature', 'application/pgp-signature', 'application/pkcs7-mime', 'application/x-pkcs7-mime', 'application/pgp-encrypted', 'application/pgp-keys'])

/** Whether a reader would show a paper clip: something to save, other than signatures, invitations and a page's own pictures. */
export function hasAttachment(root: Entity): boolean {
  const waiting: Entity[] = [root]
  for (;;) {
    const entity = waiting.pop()
    if (!entity) return false
    const { type, disposition, filename } = entity.content
    if (entity.shape === 'multipart') {
      for (const child of entity.children) waiting.push(child)
      continue
    }
    const within = entity.parent?.content.type ?? ''
    if (within === 'multipart/encrypted' || signatures.has(type)) continue
    if (disposition?.value === 'attachment') return true
    if (entity.shape === 'message') {
      if (within !== '' && within !== 'multipart/digest' && within !== 'multipart/report') return true
    } else if (type === 'application/ms-tnef' || type === 'application/vnd.ms-tnef') return true
    else if (within !== 'multipart/related' && within !== 'multipart/alternative' && within !== 'multipart/report' && !type.startsWith('text/') && type !== 'message/delivery-status') {
      if (filename !== '' || (!type.startsWith('message/') && disposition?.value !== 'inline')) return true
    } else if (within !== 'multipart/alternative' && within !== 'multipart/report' && filename !== '' && disposition?.value !== 'inline' && type.startsWith('text/') && type !== 'text/calendar') return true
  }
}
