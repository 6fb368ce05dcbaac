// NOTIFY (RFC 5465): what happens in an account's mailboxes is told when no command runs, or behind the one that does.
import type { AccountId, Change, MailboxId, MailboxInfo, Namespaces } from '@restante/core'
import { listLine } from '../commands/list.js'
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

export class Notifying {
  /** What is wanted of the selected mailbox; undefined: as without NOTIFY. */
  readonly selected: EventGroup | undefined
  readonly #session: Session
  readonly #others: readonly EventGroup[]
  readonly #gatherer: Gatherer
  readonly #stops: (() => void)[]
  /** Those whose events are heard: the account's own, and of whoever shares something with it. */
  readonly #heard = new Set<AccountId>()
  /** Mailboxes in which something happened, and what. */
  readonly #changed = new Map<MailboxId, Set<NotifyEvent>>()
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
    for (const event of named) this.#tellNamed(event, namespaces)
    await tellStatuses(session, await this.#boxes(changed, namespaces))
  }

  /** How all mailboxes stand of which messages are told (`NOTIFY SET STATUS`). */
  async tellAll(): Promise<void> {
    const { mailboxes, account, selected } = this.#session
    const namespaces = mailboxes.namespaces(account.id)
    const all = (await mailboxes.list(account.id)).filter((box) => box.selectable && box.id !== selected?.mailbox.id)
    await tellStatuses(this.#session, all.flatMap((box) => {
      const events = this.#group(box, namespaces)?.events
      return events?.has('MessageNew') ? [{ name: box.name, events }] : []
    }))
  }

  #group(box: Pick<MailboxInfo, 'name' | 'subscribed'>, namespaces: Namespaces): EventGroup | undefined {
    return this.#others.find(({ source }) => includes(source, box, namespaces))
  }

  #onChange({ mailbox, filed, flagged, own, expunged }: Change): void {
    if (mailbox === this.#session.selected?.mailbox.id) {
      if (!this.selected) return
      this.#selectedChanged = true
    } else {
      if (this.#others.length === 0) return
      const events = this.#changed.get(mailbox) ?? new Set()
      if (filed?.length) events.add('MessageNew')
      if (flagged?.length || own?.account === this.#session.account.id) events.add('FlagChange')
      if (expunged?.length) events.add('MessageExpunge')
      if (events.size > 0) this.#changed.set(mailbox, events)
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
    if (!this.#others.some(({ events }) => events.has(wanted))) return
    if (this.#named.length <= mostEvents) this.#named.push(event)
    this.#gatherer.poke()
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

  #tellNamed(event: NamedEvent, namespaces: Namespaces): void {
    const session = this.#session
    const { say } = session
    const wanted = eventOf[event.type]
    const group = event.type === 'ServerMetadataChange' ? this.#others.find(({ events }) => events.has(wanted)) : this.#group({ name: event.mailboxName, subscribed: event.type === 'MailboxSubscribe' }, namespaces)
    if (!group?.events.has(wanted)) return
    const box: MailboxInfo = { id: event.mailbox, name: event.mailboxName, selectable: event.type !== 'MailboxDelete', hasChildren: false, subscribed: event.type === 'MailboxSubscribe', specialUse: null }
    if ('entries' in event) say.line(`* METADATA ${session.named(event.mailboxName)} ${event.entries.join(' ')}`)
    else say.line(listLine(session, box, { attributes: attributesOf[event.type], info: 'oldName' in event ? ` ("OLDNAME" (${session.named(event.oldName)}))` : '' }))
  }

  async #boxes(changed: ReadonlyMap<MailboxId, ReadonlySet<NotifyEvent>>, namespaces: Namespaces): Promise<{ name: string; events: ReadonlySet<NotifyEvent> }[]> {
    if (changed.size === 0) return []
    const { mailboxes, account } = this.#session
    return (await mailboxes.list(account.id)).flatMap((box) => {
      const happened = changed.get(box.id)
      const events = happened && this.#group(box, namespaces)?.events
      return events && [...happened].some((event) => events.has(event)) ? [{ name: box.name, events }] : []
    })
  }

  #overflow(): void {
    const session = this.#session
    session.notify(undefined)
    session.say.line('* OK [NOTIFICATIONOVERFLOW] Too much happened; nothing more is told')
  }
}

const attributesOf: Readonly<Partial<Record<NamedEvent['type'], string>>> = { MailboxCreate: '', MailboxDelete: '\\NonExistent', MailboxRename: '', MailboxSubscribe: '\\Subscribed', MailboxUnSubscribe: '' }

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
