// NOTIFY (RFC 5465): what happens in an account's mailboxes is told when no command runs, or behind the one that does.
import type { AccountId, Change, MailboxId, MailboxInfo, Namespaces, Uid } from '@restante/core'
import { affectedLine } from '../commands/list.js'
import { includes } from '../grammar/mailbox-source.js'
import { isSelected, type EventGroup, type NotifyEvent } from '../grammar/notify.js'
import { statusLine } from '../grammar/status-items.js'
import type { NamedEvent } from './account-events.js'
import { tellSoon } from './announce.js'
import { Gatherer } from './gather.js'
import type { Session } from './session.js'

/** Untold events of names: beyond them the client is told that it must look for itself. */
const mostEvents = 1000

const eventOf: Readonly<Record<NamedEvent['type'], NotifyEvent>> = {
  MailboxCreate: 'MailboxName', MailboxDelete: 'MailboxName', MailboxRename: 'MailboxName', MailboxSubscribe: 'SubscriptionChange', MailboxUnSubscribe: 'SubscriptionChange',
  MailboxMetadataChange: 'MailboxMetadataChange', ServerMetadataChange: 'ServerMetadataChange',
}

/** What happened in a mailbox that is not selected. */
interface Happened {
  readonly events: Set<NotifyEvent>
  readonly filed: Set<Uid>
}
/** What a command of this session does to a name. */
interface Doing {
  readonly types: readonly NamedEvent['type'][]
  readonly names: readonly string[]
}

export class Notifying {
  /** What is wanted of the selected mailbox; undefined is nothing, like NONE (RFC 5465 3). */
  readonly selected: EventGroup | undefined
  /** Messages that this client filed in the selected mailbox: nothing is fetched of them unasked (5.2). */
  readonly own = new Set<Uid>()
  readonly #session: Session
  readonly #others: readonly EventGroup[]
  readonly #gatherer: Gatherer
  readonly #stops: (() => void)[]
  /** Those whose events are heard: the account's own, and of whoever shares something with it. */
  readonly #heard = new Set<AccountId>()
  /** Mailboxes in which something happened, and what. */
  readonly #changed = new Map<MailboxId, Happened>()
  #doing: Doing | undefined
  #named: NamedEvent[] = []
  #selectedChanged = false
  #stopped = false

  constructor(session: Session, groups: readonly EventGroup[]) {
    const { face, account, mailboxes } = session
    this.#session = session
    this.selected = groups.find(isSelected)
    this.#others = groups.filter((group) => !isSelected(group))
    this.#gatherer = new Gatherer(face.clock, face.config.idleDebounce, () => this.#tellNow())
    this.#stops = [mailboxes.watch(account.id, (change) => this.#onChange(change)), face.events.watch(account.id, (event) => this.#onEvent(event))]
    this.#heard.add(account.id)
    void this.#hearOwners()
  }

  stop(): void {
    this.#stopped = true
    this.#gatherer.stop()
    for (const stop of this.#stops) stop()
  }

  /** What is untold, behind a command's own announcements. */
  async tell(): Promise<void> {
    this.#selectedChanged = false
    if (this.#changed.size === 0 && this.#named.length === 0) return
    const changed = new Map(this.#changed)
    const named = this.#named
    this.#changed.clear()
    this.#named = []
    const session = this.#session
    const namespaces = session.mailboxes.namespaces(session.account.id)
    if (named.length > mostEvents) return this.#overflow()
    await this.#tellNamed(named, namespaces)
    await tellStatuses(session, await this.#boxes(changed, namespaces))
  }

  /** Whether nothing is told of the selected mailbox's messages: the client keeps its picture of it. */
  get stillLife(): boolean { return !this.selected?.events.has('MessageNew') }

  /** What a client does to names itself it is not told of (RFC 5465 5). */
  async byItself<T>(types: Doing['types'], names: readonly string[], act: () => Promise<T>): Promise<T> {
    this.#doing = { types, names: names.map((name) => name.normalize('NFC')) }
    try {
      return await act()
    } finally {
      this.#doing = undefined
    }
  }

  /** Likewise of messages that it filed. */
  async filedHere(name: string, uids: readonly Uid[]): Promise<void> {
    const { mailboxes, account, selected } = this.#session
    const id = (await mailboxes.list(account.id)).find((box) => box.name === name.normalize('NFC'))?.id
    if (id === undefined) return
    if (id === selected?.mailbox.id && this.selected?.fetch.length) for (const uid of uids) this.own.add(uid)
    const happened = this.#changed.get(id)
    if (!happened) return
    for (const uid of uids) happened.filed.delete(uid)
    if (happened.filed.size === 0) happened.events.delete('MessageNew')
    if (happened.events.size === 0) this.#changed.delete(id)
  }

  /** How all mailboxes stand of which messages are told (`NOTIFY SET STATUS`). */
  async tellAll(): Promise<void> {
    const { mailboxes, account, selected } = this.#session
    const namespaces = mailboxes.namespaces(account.id)
    const all = (await mailboxes.list(account.id)).filter((box) => box.selectable && box.id !== selected?.mailbox.id)
    await tellStatuses(this.#session, all.flatMap((box) => {
      const events = this.#wanted(box, namespaces)
      return events.has('MessageNew') ? [{ name: box.name, events }] : []
    }))
  }

  /** Events of all groups that a mailbox is in (RFC 5465 6); none of one that is in a group with NONE. */
  #wanted(box: Pick<MailboxInfo, 'name' | 'subscribed'>, namespaces: Namespaces): ReadonlySet<NotifyEvent> {
    const groups = this.#others.filter(({ source }) => includes(source, box, namespaces))
    return groups.length === 1 ? groups[0].events : new Set(groups.some(({ events }) => events.size === 0) ? [] : groups.flatMap(({ events }) => [...events]))
  }

  #onChange({ mailbox, filed, flagged, own, expunged }: Change): void {
    if (mailbox === this.#session.selected?.mailbox.id) {
      if (this.stillLife) return
      this.#selectedChanged = true
    } else {
      if (this.#others.length === 0) return
      const happened: Happened = this.#changed.get(mailbox) ?? { events: new Set(), filed: new Set() }
      const { events } = happened
      if (filed?.length) {
        events.add('MessageNew')
        for (const { uid } of filed) happened.filed.add(uid)
      }
      if (flagged?.length || own?.account === this.#session.account.id) events.add('FlagChange')
      if (expunged?.length) events.add('MessageExpunge')
      if (events.size > 0) this.#changed.set(mailbox, happened)
    }
    this.#gatherer.poke()
  }

  /** Whoever shares something now: names below it are told like the account's own. */
  async #hearOwners(): Promise<void> {
    const { face, account, mailboxes } = this.#session
    const owners = await mailboxes.owners(account.id).catch(() => new Set<AccountId>())
    if (this.#stopped) return
    for (const owner of owners) {
      if (this.#heard.has(owner)) continue
      this.#heard.add(owner)
      this.#stops.push(face.events.watch(owner, (event) => this.#onOthersEvent(event)))
    }
  }

  /** Subscriptions are everybody's own; of annotations shared ones are told by their mailbox's own events. */
  #onOthersEvent(event: NamedEvent): void {
    if (event.type !== 'MailboxCreate' && event.type !== 'MailboxDelete' && event.type !== 'MailboxRename') return
    const { account, mailboxes } = this.#session
    const named = (name: string): string | undefined => mailboxes.seenAs(account.id, event.account, event.mailbox, name)
    const mailboxName = named(event.mailboxName)
    if (mailboxName === undefined) return
    this.#onEvent('oldName' in event ? { ...event, mailboxName, oldName: named(event.oldName)! } : { ...event, mailboxName })
  }

  #onEvent(event: NamedEvent): void {
    const wanted = eventOf[event.type]
    // A mailbox that appears may be the first of its owner.
    if (event.type === 'MailboxCreate') void this.#hearOwners()
    if (!this.#others.some(({ events }) => events.has(wanted)) || this.#isDoing(event)) return
    if (this.#named.length <= mostEvents) this.#named.push(event)
    this.#gatherer.poke()
  }

  /** A name, or a level above it that had to be made. */
  #isDoing({ type, mailboxName }: NamedEvent): boolean {
    const doing = this.#doing
    if (!doing?.types.includes(type)) return false
    const { separator } = this.#session.mailboxes.namespaces(this.#session.account.id)
    return doing.names.some((name) => name === mailboxName || (type === 'MailboxCreate' && name.startsWith(mailboxName + separator)))
  }

  /** Between commands. While one runs its end tells. */
  #tellNow(): boolean {
    const session = this.#session
    if (session.say.behind) return false
    if (session.busy && !session.idling) return true
    // IDLE tells of the selected mailbox itself.
    if (this.#selectedChanged && !session.idling) tellSoon(session, { expunges: this.selected?.source.kind === 'selected' })
    session.telling = session.telling.then(() => this.tell()).then(() => {
      session.say.push()
      if (session.state === 'logout') session.hangUp()
    }).catch((error: unknown) => session.broke(error))
    return true
  }

  /** LIST of every name that is affected, as it stands now, and METADATA; each line once. */
  async #tellNamed(named: readonly NamedEvent[], namespaces: Namespaces): Promise<void> {
    if (named.length === 0) return
    const session = this.#session
    const { mailboxes, account, say } = session
    const boxes = new Map((await mailboxes.list(account.id)).map((box) => [box.name, box]))
    const subscribed = new Set(await mailboxes.subscriptions(account.id))
    const lines = new Set<string>()
    const affected = (event: NotifyEvent, name: string, info: string, source: { readonly subscribed: boolean }): void => {
      if (!this.#wanted({ name, subscribed: source.subscribed || subscribed.has(name) }, namespaces).has(event)) return
      lines.add(affectedLine(session, boxes.get(name) ?? { id: 0 as MailboxId, name, selectable: false, hasChildren: false, subscribed: subscribed.has(name), specialUse: null }, info))
    }
    for (const event of named) {
      const { type, mailboxName: name } = event
      const wanted = eventOf[type]
      if ('entries' in event) {
        const events = type === 'ServerMetadataChange' ? this.#others.find(({ events }) => events.has(wanted))?.events : this.#wanted({ name, subscribed: subscribed.has(name) }, namespaces)
        if (events?.has(wanted)) lines.add(`* METADATA ${session.named(name)} ${event.entries.join(' ')}`)
        continue
      }
      // Whoever follows subscriptions hears of the one that ended too.
      affected(wanted, name, 'oldName' in event ? ` ("OLDNAME" (${session.named(event.oldName)}))` : '', { subscribed: type === 'MailboxUnSubscribe' })
      const above = name.lastIndexOf(namespaces.separator)
      if (above > 0 && (type === 'MailboxCreate' || type === 'MailboxDelete')) affected(wanted, name.slice(0, above), '', { subscribed: false })
    }
    for (const line of lines) say.line(line)
  }

  async #boxes(changed: ReadonlyMap<MailboxId, Happened>, namespaces: Namespaces): Promise<{ name: string; events: ReadonlySet<NotifyEvent> }[]> {
    if (changed.size === 0) return []
    const { mailboxes, account } = this.#session
    return (await mailboxes.list(account.id)).flatMap((box) => {
      const happened = changed.get(box.id)
      const events = happened && this.#wanted(box, namespaces)
      return events && [...happened.events].some((event) => events.has(event)) ? [{ name: box.name, events }] : []
    })
  }

  #overflow(): void {
    const session = this.#session
    session.notify(undefined)
    session.say.line('* OK [NOTIFICATIONOVERFLOW] Too much happened; nothing more is told')
  }
}

async function tellStatuses(session: Session, boxes: readonly { readonly name: string; readonly events: ReadonlySet<NotifyEvent> }[]): Promise<void> {
  if (boxes.length === 0) return
  const statuses = await session.mailboxes.statuses(session.account.id, boxes.map(({ name }) => name))
  for (const { name, events } of boxes) {
    const status = statuses.get(name)
    const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(events.has('FlagChange') ? ['UNSEEN'] : []), ...(session.condstore ? ['HIGHESTMODSEQ'] : [])]
    if (status) session.say.line(statusLine(session.named(name), items, status, { appendLimit: 0 }))
    if (session.say.full) await session.say.flush()
  }
}
