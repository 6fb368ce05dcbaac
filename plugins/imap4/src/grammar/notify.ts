// What NOTIFY asks for (RFC 5465): groups of mailboxes with the events of each. Pure.
import { BadCommand, type Reader } from '../wire/reader.js'
import { fetchItems, type FetchItem } from './fetch-items.js'
import { mailboxSource, type Source } from './mailbox-source.js'

const messageEvents = ['MessageNew', 'MessageExpunge', 'FlagChange'] as const
const otherEvents = ['MailboxName', 'SubscriptionChange', 'MailboxMetadataChange', 'ServerMetadataChange'] as const
export const notifyEvents = [...messageEvents, ...otherEvents]
export type NotifyEvent = (typeof notifyEvents)[number]

export interface EventGroup {
  readonly source: Source
  readonly events: ReadonlySet<NotifyEvent>
  /** What is told of each new message of the selected mailbox. */
  readonly fetch: readonly FetchItem[]
}
export interface NotifyArguments {
  /** How all mailboxes stand is told at once. */
  readonly status: boolean
  /** Empty: NONE. */
  readonly groups: readonly EventGroup[]
  /** An event that nobody knows: NO, but only when the command runs. */
  readonly unknown: boolean
}

/** Groups of one command. */
const maxGroups = 50

/** `SET STATUS (selected (MessageNew (UID) MessageExpunge)) (personal (MailboxName))`, or `NONE`. */
export function notifyArguments(r: Reader): NotifyArguments {
  if (r.take('NONE')) return { status: false, groups: [], unknown: false }
  r.expect('SET', 'SET or NONE')
  const status = r.take(' STATUS')
  const groups: EventGroup[] = []
  let unknown = false
  while (r.take(' ')) {
    r.expect('(')
    const source = mailboxSource(r)
    r.sp()
    const events = new Set<NotifyEvent>()
    let fetch: readonly FetchItem[] = []
    if (!r.take('NONE')) r.list(() => {
      const word = r.word('an event')
      const event = notifyEvents.find((name) => name.toUpperCase() === word)
      if (event) events.add(event)
      else unknown = true
      if (event === 'MessageNew' && r.take(' (')) {
        r.back(1)
        fetch = fetchItems(r)
      }
    })
    r.expect(')')
    groups.push({ source, events, fetch })
    if (groups.length > maxGroups) throw new BadCommand(`More than ${maxGroups} groups`)
  }
  if (groups.length === 0) throw new BadCommand('Which events?')
  for (const group of groups) check(group)
  if (groups.filter(isSelected).length > 1) throw new BadCommand('The selected mailbox twice')
  return { status, groups, unknown }
}

export const isSelected = ({ source: { kind } }: EventGroup): boolean => kind === 'selected' || kind === 'selected-delayed'

/** RFC 5465 5: who hears of new messages must hear of expunged ones, or the numbers mean nothing. */
function check(group: EventGroup): void {
  const { events, fetch } = group
  if (events.has('MessageNew') !== events.has('MessageExpunge')) throw new BadCommand('MessageNew and MessageExpunge go together')
  if (events.has('FlagChange') && !events.has('MessageNew')) throw new BadCommand('FlagChange goes with MessageNew')
  if (!isSelected(group) && fetch.length > 0) throw new BadCommand('Only of the selected mailbox messages are fetched')
  if (isSelected(group) && otherEvents.some((event) => events.has(event))) throw new BadCommand('Of the selected mailbox only messages are told')
}
