// A maildrop: INBOX as it was at login, numbered once and for all; what the session wants deleted; messages, read ahead.
// Exclusive: one session per account and process. (Several processes on one database do not know of each other's locks;
// deletions are by UID, so the worst is that both see the same messages.) Knows no sockets.
import { failure, flagBits, type AccountId, type Content, type Contents, type Mailboxes, type MessageId, type OpenMailbox, type Uid } from '@restante/core'

export class Locks {
  readonly #held = new Set<AccountId>()
  /** @throws MAILDROP_IN_USE */
  take(account: AccountId): () => void {
    if (this.#held.has(account)) throw failure('MAILDROP_IN_USE')
    this.#held.add(account)
    return () => void this.#held.delete(account)
  }
}

interface Ahead { readonly contents: AsyncIterator<Content>; next: number; readonly end: number }
/** How many further messages may be read ahead of a client that asks for one after the other. */
const aheadAtMost = 200

export class Maildrop {
  readonly #uids: Uint32Array
  readonly #sizes: Float64Array
  readonly #messages: Float64Array
  readonly #deleted = new Set<number>()
  readonly #retrieved = new Set<number>()
  readonly #uidValidity: string
  /** Read-ahead: what it will give next, in order. */
  #ahead: Ahead | undefined
  #last = 0
  /** Octets of what is not deleted. */
  octets = 0

  private constructor(private readonly mailbox: OpenMailbox, private readonly contents: Contents, private readonly unlock: () => void) {
    const { index } = mailbox
    this.#uids = index.uids.slice(0, index.count)
    this.#sizes = index.sizes.slice(0, index.count)
    this.#messages = index.messages.slice(0, index.count)
    for (const size of this.#sizes) this.octets += size
    this.#uidValidity = mailbox.uidValidity.toString(16).padStart(8, '0')
  }

  /** @throws MAILDROP_IN_USE */
  static async open(account: AccountId, { mailboxes, contents, locks }: { mailboxes: Mailboxes; contents: Contents; locks: Locks }): Promise<Maildrop> {
    const unlock = locks.take(account)
    try {
      return new Maildrop(await mailboxes.open(account, 'INBOX', { readOnly: false }), contents, unlock)
    } catch (error) {
      unlock()
      throw error
    }
  }

  /** Messages at login. */
  get length(): number {
    return this.#uids.length
  }
  /** Messages that are not deleted. */
  get count(): number {
    return this.#uids.length - this.#deleted.size
  }
  has(number: number): boolean {
    return number >= 1 && number <= this.#uids.length
  }
  isDeleted(number: number): boolean {
    return this.#deleted.has(number)
  }
  size(number: number): number {
    return this.#sizes[number - 1]!
  }
  /** Unique for ever (RFC 1939 7): UIDVALIDITY and UID are never used again. Says nothing of the message's identifier. */
  uidl(number: number): string {
    return this.#uidValidity + this.#uids[number - 1]!.toString(16).padStart(8, '0')
  }
  /** Numbers that are not deleted. */
  *numbers(): Generator<number> {
    for (let number = 1; number <= this.#uids.length; number++) if (!this.#deleted.has(number)) yield number
  }

  delete(number: number): void {
    this.#deleted.add(number)
    this.octets -= this.size(number)
  }
  reset(): void {
    for (const number of this.#deleted) this.octets += this.size(number)
    this.#deleted.clear()
  }
  /** All of it was handed out: its store shall know (im2000.md D.4). */
  retrieved(number: number): void {
    this.#retrieved.add(number)
    this.mailbox.noteRead([this.#uids[number - 1] as Uid])
  }

  /**
   * The octets of a message. A client that asks for one message after the other gets them read in chunks.
   * @throws MESSAGE_NOT_FOUND, CONTENT_UNAVAILABLE
   */
  async content(number: number): Promise<Content> {
    if ((await this.mailbox.takenBack([this.#uids[number - 1] as Uid])).length > 0) throw failure('MESSAGE_NOT_FOUND')
    const sequel = number === this.#last + 1
    this.#last = number
    const wanted = this.#messages[number - 1] as MessageId
    if (this.#ahead && (this.#ahead.next !== number || number > this.#ahead.end)) this.dropAhead()
    if (!this.#ahead && (!sequel || number === 1)) return await this.contents.open(wanted)
    this.#ahead ??= this.#readFrom(number)
    // One that is gone is left out: then the reader has already given what comes behind it, so it starts anew there.
    const { value, done } = await this.#ahead.contents.next()
    this.#ahead.next++
    if (!done && (value as Content).message === wanted) return value as Content
    this.dropAhead()
    throw failure('MESSAGE_NOT_FOUND')
  }

  /** Gives the memory of the read-ahead back; for a client that falls silent. */
  dropAhead(): void {
    void this.#ahead?.contents.return?.()
    this.#ahead = undefined
  }

  #readFrom(number: number): Ahead {
    const end = Math.min(this.#uids.length, number + aheadAtMost)
    const ids = [...this.#messages.subarray(number - 1, end)] as MessageId[]
    return { contents: this.contents.readMany(ids)[Symbol.asyncIterator](), next: number, end }
  }

  /** UPDATE (RFC 1939 6): deletes what was marked, which un-pins it at its store; marks what was read, if asked to. Resolves after the commit. */
  async update({ markSeen }: { markSeen: boolean }): Promise<number> {
    const uidsOf = (numbers: Iterable<number>): Uid[] => [...numbers].sort((a, b) => a - b).map((number) => this.#uids[number - 1] as Uid)
    const seen = markSeen ? uidsOf([...this.#retrieved].filter((number) => !this.#deleted.has(number))) : []
    if (seen.length) await this.mailbox.changeFlags(seen, { mode: 'add', flags: flagBits['\\Seen'], keywords: [] })
    const doomed = uidsOf(this.#deleted)
    if (!doomed.length) return 0
    await this.mailbox.changeFlags(doomed, { mode: 'add', flags: flagBits['\\Deleted'], keywords: [] })
    await this.mailbox.expunge(doomed)
    return doomed.length
  }

  /** Lets go: of the lock, the mailbox, the read-ahead. Changes nothing. */
  close(): void {
    this.dropAhead()
    this.mailbox.close()
    this.unlock()
  }
}
