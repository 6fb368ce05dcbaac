// ESEARCH (RFC 7377): one search in several mailboxes, each answered for itself, in UIDs.
import type { MailboxInfo } from '@restante/core'
import { isFailure } from '@restante/core'
import { includes, mailboxSource, type Source } from '../grammar/mailbox-source.js'
import { mentions, type SearchKey } from '../grammar/search-keys.js'
import { searchArguments } from '../grammar/search-arguments.js'
import { takeSearchReturn } from '../grammar/search-return.js'
import { Refusal } from '../replies.js'
import { tellResult } from '../search/result.js'
import { prepareKey, search } from '../search/run.js'
import { Selected } from '../session/selected.js'
import type { Session } from '../session/session.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import { afterLogin, command, type Done } from './command.js'

const selected: readonly Source[] = [{ kind: 'selected' }]

export const esearch = command({
  // RFC 7377 2 says UID ESEARCH too: it always answers in UIDs.
  name: 'ESEARCH', uid: true, states: afterLogin, capabilities: ['MULTISEARCH'],
  read(r) {
    r.sp()
    const sources = r.take('IN ') ? sourceList(r) : selected
    const returns = takeSearchReturn(r)
    if (returns?.update) throw new BadCommand('UPDATE is for SEARCH and SORT')
    return { sources, returns, ...searchArguments(r, r.take('CHARSET ')) }
  },
  async run(session, { sources, returns, key: asked, badCharset }, { tag }): Promise<Done> {
    if (badCharset) throw new Refusal('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'The charset is not known')
    const key = await prepareKey(session, asked)
    const here = sources.every(isSelectedSource)
    if (sources.some(isSelectedSource) && !session.selected) throw new BadCommand('No mailbox is selected')
    if (!here && (mentions(key, 'seq') || mentions(key, 'saved') || returns?.save)) throw new BadCommand('Message numbers, $ and SAVE are for the selected mailbox')
    const wanted = { items: returns?.items ?? new Set(['ALL'] as const), partial: returns?.partial, save: returns?.save ?? false, relevancy: returns?.relevancy ?? false, update: false, fetch: [] }
    const boxes = await chosen(session, sources)
    for (const [i, box] of boxes.entries()) {
      session.progress(i, boxes.length)
      await searchIn(session, box, key, { name: 'ESEARCH', returns: wanted, uid: true, tag, byModseq: mentions(key, 'modseq') }, here)
      if (session.say.full) await session.say.flush()
    }
    return { holdExpunges: mentions(key, 'seq') }
  },
})

async function searchIn(session: Session, { name, id }: MailboxInfo, key: SearchKey, asked: Parameters<typeof tellResult>[1], always: boolean): Promise<void> {
  const own = session.selected?.mailbox.id === id ? session.selected : undefined
  let open = own
  try {
    open ??= new Selected(await session.mailboxes.open(session.account.id, name, { readOnly: true }))
    const relevancy = new Map()
    const found = await search(session, key, { in: open, relevancy })
    if (found.length > 0 || always) tellResult(session, { ...asked, relevancy, from: open }, found)
  } catch (error) {
    // Deleted since the list was read.
    if (!isFailure(error, 'MAILBOX_NOT_FOUND') && !isFailure(error, 'MAILBOX_GONE')) throw error
  } finally {
    if (!own) open?.mailbox.close()
  }
}

/** `(mailboxes "folder1" subtree (a b) personal) ` */
function sourceList(r: Reader): readonly Source[] {
  const sources = r.list(mailboxSource)
  if (sources.length === 0) throw new BadCommand('In which mailboxes?')
  if (sources.length > maxSources) throw new BadCommand(`More than ${maxSources} sources`)
  r.sp()
  return sources
}
const maxSources = 50

/** Mailboxes of all sources, each once, as they are listed. Names that are no mailbox are left out (RFC 7377 2.2). */
async function chosen(session: Session, sources: readonly Source[]): Promise<readonly MailboxInfo[]> {
  const { mailboxes, account } = session
  const namespaces = mailboxes.namespaces(account.id)
  const own = sources.some(isSelectedSource) ? session.selected?.mailbox.id : undefined
  return (await mailboxes.list(account.id)).filter((box) => box.selectable && (box.id === own || sources.some((source) => includes(source, box, namespaces))))
}
const isSelectedSource = ({ kind }: Source): boolean => kind === 'selected' || kind === 'selected-delayed'
