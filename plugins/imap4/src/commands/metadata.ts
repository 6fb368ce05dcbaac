// GETMETADATA and SETMETADATA (RFC 5464): annotations of mailboxes, and of the server, which is the mailbox "".
import type { MailboxInfo } from '@restante/core'
import type { Session } from '../session/session.js'
import { entryList, entryNames, entryValues, noOptions, select, specialUse, specialUses, takeOptions, type MetadataQuery } from '../grammar/metadata.js'
import { mailbox } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Reader } from '../wire/reader.js'
import { afterLogin, command, type Done } from './command.js'

export const getMetadata = command({
  name: 'GETMETADATA', states: afterLogin, capabilities: ['METADATA', 'METADATA-SERVER'],
  read(r) {
    // The grammar wants the options first, the examples of the same RFC have them behind the mailbox.
    const before = takeOptions(r.sp())
    if (before) r.sp()
    const name = annotated(r)
    const after = before ? undefined : takeOptions(r.sp())
    if (before || after) r.sp()
    return { name, query: { ...(before ?? after ?? noOptions), entries: entryNames(r) } }
  },
  async run(session, { name, query }): Promise<Done> {
    const values = (await annotationsOf(session, [name])).get(name)
    if (!values) throw new Refusal('NONEXISTENT', 'There is no such mailbox')
    const { found, longest } = select(query, values)
    if (found.size > 0) session.say.line(metadataLine(session, name, found))
    return longest > 0 ? { code: `METADATA LONGENTRIES ${longest}` } : {}
  },
})

export const setMetadata = command({
  name: 'SETMETADATA', states: afterLogin,
  read: (r) => ({ name: annotated(r.sp()), changes: entryValues(r.sp()) }),
  async run(session, { name, changes }) {
    const { account: { id }, mailboxes } = session
    const use = name === '' ? undefined : changes.get(specialUse)
    const wanted = use && specialUses.get(use.toString('latin1').toUpperCase())
    if (use && !wanted) throw new Refusal('USEATTR', 'A mailbox cannot be for that')
    const others = new Map([...changes].filter(([entry]) => use === undefined || entry !== specialUse))
    await session.byItself(['MailboxMetadataChange', 'ServerMetadataChange'], [name], async () => {
      if (others.size > 0) await mailboxes.annotate(id, name, others)
      const before = use === undefined ? undefined : await mailboxes.assign(id, name, wanted ?? null)
      // RFC 6154 5.4: the one that lost it.
      if (before !== undefined) session.say.line(metadataLine(session, before, new Map([[specialUse, null]])))
    })
  },
})

/** A mailbox, or "" for the server. */
const annotated = (r: Reader): string => (r.take('""') ? '' : mailbox(r))

export const metadataLine = (session: Session, name: string, found: ReadonlyMap<string, Buffer | null>): string => `* METADATA ${session.named(name)} ${entryList(found)}`

/** What an account sees; of the server also what the configuration says. */
export async function annotationsOf(session: Session, names: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, Buffer>>> {
  const found = withUses(await session.mailboxes.annotations(session.account.id, names), await session.mailboxes.list(session.account.id))
  if (!names.includes('')) return found
  const { serverComment, serverAdmin } = session.face.config
  const server = new Map(found.get(''))
  if (serverComment) server.set('/shared/comment', Buffer.from(serverComment))
  if (serverAdmin) server.set('/shared/admin', Buffer.from(serverAdmin))
  return new Map([...found, ['', server]])
}
type Annotations = ReadonlyMap<string, ReadonlyMap<string, Buffer>>

/** What a mailbox is for is an annotation too (RFC 6154 4). */
function withUses(found: Annotations, boxes: readonly MailboxInfo[]): Annotations {
  const uses = new Map(boxes.flatMap(({ name, specialUse: use }) => (use ? [[name, use] as const] : [])))
  return new Map([...found].map(([name, values]) => [name, uses.has(name) ? new Map([...values, [specialUse, Buffer.from(uses.get(name)!)]]) : values]))
}
export type { MetadataQuery }
