// GETMETADATA and SETMETADATA (RFC 5464): annotations of mailboxes, and of the server, which is the mailbox "".
import type { Session } from '../session/session.js'
import { entryList, entryNames, entryValues, noOptions, select, takeOptions, type MetadataQuery } from '../grammar/metadata.js'
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
  run: (session, { name, changes }) => session.byItself(['MailboxMetadataChange', 'ServerMetadataChange'], [name], () => session.mailboxes.annotate(session.account.id, name, changes)),
})

/** A mailbox, or "" for the server. */
const annotated = (r: Reader): string => (r.take('""') ? '' : mailbox(r))

export const metadataLine = (session: Session, name: string, found: ReadonlyMap<string, Buffer | null>): string => `* METADATA ${session.named(name)} ${entryList(found)}`

/** What an account sees; of the server also what the configuration says. */
export async function annotationsOf(session: Session, names: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, Buffer>>> {
  const found = await session.mailboxes.annotations(session.account.id, names)
  if (!names.includes('')) return found
  const { serverComment, serverAdmin } = session.face.config
  const server = new Map(found.get(''))
  if (serverComment) server.set('/shared/comment', Buffer.from(serverComment))
  if (serverAdmin) server.set('/shared/admin', Buffer.from(serverAdmin))
  return new Map([...found, ['', server]])
}
export type { MetadataQuery }
