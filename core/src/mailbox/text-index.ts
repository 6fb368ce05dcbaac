// The text index: the folded texts of messages in rows, and their trigrams, so that SEARCH need not decode every message again. It is
// a help and never the truth: what is not indexed (yet) is for the asker to read, what is found was compared letter by letter.
import type { MessageId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Content, Contents } from '../blobs/contract.js'
import type { Database, Statements, Transaction } from '../database/connect.js'
import { isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import { bodyTexts, foldedHeader } from '../message/texts.js'
import { decodeParts } from '../message/summary-codec.js'
import type { Part } from '../message/summary.js'
import type { Feed } from './feed.js'
import { readColumns } from './repository.js'

/** A text to look for, folded; `header`: in the message's header too. */
export interface Wanted { readonly text: string; readonly header: boolean }

export interface TextIndex {
  /**
   * Of messages, for each wanted text whether it is there (1) or not (0). Messages that are not indexed are left out, and so
   * are all when one of the texts is none that the index can tell.
   */
  find(messages: readonly MessageId[], wanted: readonly Wanted[]): Promise<ReadonlyMap<MessageId, Uint8Array>>
  /** Those of the messages that surely have a (folded) text nowhere. It costs no more than they are few that may have it: of a frequent one nothing is said. */
  lacking(messages: readonly MessageId[], text: string): Promise<ReadonlySet<MessageId>>
}

export interface TextIndexParts {
  readonly database: Database
  readonly contents: Contents
  readonly feed: Feed
  readonly clock: Clock
  readonly log: Log
  readonly enabled: boolean
  /** Octets of a message above which its text is not indexed. */
  readonly largest: number
}

/** Between texts: a noncharacter, which no mail and no search means. */
const gap = '\ufdd0'
/** What a database cannot keep as it is. A search for it is no business of the index. */
const unkeepable = /[\0\ufdd0\ufffd]|\p{Surrogate}/u
const keepable = (text: string): string => text.toWellFormed().replace(/[\0\ufdd0]/g, '\ufffd')

/** `messages.partial` of what is here in full; the rest lies at another store, and is not fetched for our sake. */
const allHere = 0
/** Messages of one commit, and characters of their texts: trigrams take about 3 ms the 10,000, and nobody else commits meanwhile, so it is less when somebody wants to. */
const atOnce = 16
const charactersAtOnce = { idle: 20_000, busy: 5000 }
/** A text above this is not indexed: its commit would keep others waiting. */
const longestText = 131_072
/** Rows compared by one query, so that other readers get their turn. */
const compared = 2000
/** Candidates above which trigrams do not help: then the rows of the messages asked for are compared. */
const mostCandidates = 20_000
/** Candidates that are worth asking for, however few messages they are to narrow down. */
const fewCandidates = 256
/** Quiet after a change before the index catches up. */
const quietMs = 500
/** How long it rests for each moment of work: when nobody else has anything to do, and when somebody has (a tenth is the index's then). */
const rests = { idle: 1, busy: 10 }
/** Share of the time that the event loop is busy with others, above which somebody has something to do. */
const busyAbove = 0.05

/** The column `whole`: lies at another store, indexed, or left out for good (too long, not to be read). */
const states = { elsewhere: 0, indexed: 1, leftOut: 2 } as const
type State = keyof typeof states

interface Row { readonly id: MessageId; readonly header_size: number; readonly size: number; readonly parts: string; readonly partial: number }
interface Text { readonly id: MessageId; readonly state: State; readonly header: string; readonly body: string }

export class TextIndexer implements TextIndex {
  readonly #parts: TextIndexParts
  /** Every message up to this is indexed, or known not to be. */
  #upTo = 0
  readonly #unindexed = new Set<MessageId>()
  #timer: { clear(): void } | undefined
  #working: Promise<void> | undefined
  #again = false
  /** How busy the loop had been, and what was committed, when the last rest began. */
  #rested = performance.eventLoopUtilization()
  #commits = 0
  #started = false
  #stopped = false
  #trigrams = false

  constructor(parts: TextIndexParts) { this.#parts = parts }

  /** Reads how far it is, and goes on from there. */
  async start(): Promise<void> {
    const { database, enabled, feed } = this.#parts
    if (!enabled) return
    const { read } = database
    this.#upTo = (await read.get<{ up_to: number }>('SELECT up_to FROM text_index'))?.up_to ?? 0
    for (const { message } of await read.all<{ message: MessageId }>('SELECT message FROM message_texts WHERE whole <> 1')) this.#unindexed.add(message)
    this.#trigrams = read.dialect.name === 'sqlite' || (await read.get("SELECT 1 AS there FROM pg_indexes WHERE indexname = 'message_texts_trigrams'")) !== undefined
    this.#started = true
    feed.listen(({ filed }) => { if (filed?.length) this.#soon(quietMs) })
    this.#soon(0)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.clear()
    await this.#working
  }

  /** Resolves when everything that is there now is indexed. */
  async settled(): Promise<void> {
    this.#timer?.clear()
    this.#timer = undefined
    while (this.#working) await this.#working
    while (!this.#stopped && await this.#step()) continue
  }

  async status(): Promise<{ readonly enabled: boolean; readonly indexed: number; readonly waiting: number; readonly leftOut: number }> {
    const { database: { read }, enabled } = this.#parts
    const indexed = await read.get<{ n: number }>('SELECT count(*) AS n FROM message_texts WHERE whole = 1')
    const leftOut = await read.get<{ n: number }>('SELECT count(*) AS n FROM message_texts WHERE whole <> 1')
    const state = await read.get<{ up_to: number }>('SELECT up_to FROM text_index')
    const waiting = await read.get<{ n: number }>('SELECT count(*) AS n FROM messages WHERE id > ?', [state?.up_to ?? 0])
    return { enabled, indexed: Number(indexed!.n), waiting: Number(waiting!.n), leftOut: Number(leftOut!.n) }
  }

  /** Forgets everything and begins again. */
  async rebuild(): Promise<void> {
    while (this.#working) await this.#working
    await this.#parts.database.write(async (tx) => {
      await tx.run('DELETE FROM message_texts')
      if (tx.dialect.name === 'sqlite') await tx.run("INSERT INTO message_trigrams (message_trigrams) VALUES ('delete-all')")
      await tx.run('UPDATE text_index SET up_to = 0')
      tx.afterCommit(() => {
        this.#upTo = 0
        this.#unindexed.clear()
      })
    })
    if (this.#started) this.#soon(0)
  }

  /** In the commit that deletes messages. */
  async forget(tx: Transaction, messages: readonly MessageId[]): Promise<void> {
    const list = [tx.dialect.list(messages)]
    if (tx.dialect.name === 'sqlite') await tx.run(`DELETE FROM message_trigrams WHERE rowid IN (SELECT message FROM message_texts WHERE whole = 1 AND ${tx.dialect.oneOf('message')})`, list)
    await tx.run(`DELETE FROM message_texts WHERE ${tx.dialect.oneOf('message')}`, list)
    tx.afterCommit(() => { for (const message of messages) this.#unindexed.delete(message) })
  }

  async find(messages: readonly MessageId[], wanted: readonly Wanted[]): Promise<ReadonlyMap<MessageId, Uint8Array>> {
    const found = new Map<MessageId, Uint8Array>()
    if (!this.#started || wanted.some(({ text }) => text === '' || unkeepable.test(text))) return found
    for (const message of messages) if (this.#knows(message)) found.set(message, new Uint8Array(wanted.length))
    if (found.size === 0) return found
    for (const [i, one] of wanted.entries()) {
      const candidates = await this.#candidates(one.text, mostCandidates)
      const asked = [...found.keys()].filter((message) => !candidates || candidates.has(message))
      for (let at = 0; at < asked.length; at += compared) for (const message of await this.#compare(asked.slice(at, at + compared), one)) found.get(message)![i] = 1
    }
    // What was deleted meanwhile has no row: nobody can tell what it said.
    return found
  }

  async lacking(messages: readonly MessageId[], text: string): Promise<ReadonlySet<MessageId>> {
    if (!this.#started || text === '' || unkeepable.test(text)) return new Set()
    const known = messages.filter((message) => this.#knows(message))
    const candidates = known.length > 0 ? await this.#candidates(text, Math.max(fewCandidates, known.length / 4)) : undefined
    return candidates ? new Set(known.filter((message) => !candidates.has(message))) : new Set()
  }

  #knows(message: MessageId): boolean {
    return message <= this.#upTo && !this.#unindexed.has(message)
  }

  /** Messages that have all trigrams of a text; undefined when that does not narrow it down. */
  async #candidates(text: string, most: number): Promise<ReadonlySet<MessageId> | undefined> {
    const characters = [...text]
    if (characters.length < 3 || !this.#trigrams) return undefined
    const { read } = this.#parts.database
    const { message: found } = read.dialect.name === 'sqlite'
      ? await readColumns(read, ['message'], 'FROM (SELECT rowid AS message FROM message_trigrams WHERE message_trigrams MATCH ? LIMIT ?) AS t', [allTrigrams(characters), Math.ceil(most) + 1])
      : await readColumns(read, ['message'], "FROM message_texts WHERE body LIKE ? ESCAPE '!' OR header LIKE ? ESCAPE '!' LIMIT ?", [like(text), like(text), Math.ceil(most) + 1])
    return found.length > most ? undefined : new Set(found)
  }

  async #compare(messages: readonly MessageId[], { text, header }: Wanted): Promise<MessageId[]> {
    const { read } = this.#parts.database
    const has = (column: string): string => (read.dialect.name === 'sqlite' ? `instr(${column}, ?) > 0` : `position(? IN ${column}) > 0`)
    const { message: found } = await readColumns(read, ['message'], `FROM message_texts WHERE ${read.dialect.oneOf('message')} AND (${has('body')}${header ? ` OR ${has('header')}` : ''})`,
      [read.dialect.list(messages), text, ...(header ? [text] : [])])
    return found
  }

  #soon(ms: number): void {
    if (this.#stopped) return
    if (this.#working) {
      this.#again = true
      return
    }
    this.#timer ??= this.#parts.clock.after(ms, () => {
      this.#timer = undefined
      this.#work()
    })
  }

  #work(): void {
    const { clock, database, log } = this.#parts
    const before = clock.now()
    const busy = performance.eventLoopUtilization(this.#rested).utilization > busyAbove || database.commits > this.#commits
    this.#again = false
    this.#working = this.#step(busy ? charactersAtOnce.busy : charactersAtOnce.idle).then((more) => {
      this.#working = undefined
      this.#rested = performance.eventLoopUtilization()
      this.#commits = database.commits
      if (more || this.#again) this.#soon(more ? Math.max(1, clock.now() - before) * (busy ? rests.busy : rests.idle) : quietMs)
    }).catch((error: unknown) => {
      this.#working = undefined
      if (!this.#stopped) log.warn({ err: error }, 'cannot index texts; searching goes on without')
    })
  }

  /** Indexes some messages, until they have so many characters; answers whether there may be more. */
  async #step(most = charactersAtOnce.idle): Promise<boolean> {
    const { database, contents, largest } = this.#parts
    const fresh = await database.read.all<Row>('SELECT id, header_size, size, parts, partial FROM messages WHERE id > ? ORDER BY id LIMIT ?', [this.#upTo, atOnce])
    // Texts that have been fetched from their store since.
    const rows = fresh.length > 0 || this.#unindexed.size === 0 ? fresh : await database.read.all<Row>(
      'SELECT m.id, m.header_size, m.size, m.parts, m.partial FROM message_texts t JOIN messages m ON m.id = t.message WHERE t.whole = 0 AND m.partial = ? AND m.size <= ? LIMIT ?', [allHere, largest, atOnce])
    if (rows.length === 0 || this.#stopped) return false
    const texts = new Map<MessageId, Text>()
    let characters = 0
    for (const [i, row] of rows.entries()) {
      if (characters >= most) {
        rows.length = i
        break
      }
      if (row.size > largest || row.partial !== allHere) continue
      try {
        const text = textOf(row, await octetsOf(await contents.open(row.id)))
        if (text.header.length + text.body.length > longestText) continue
        texts.set(row.id, text)
        characters += text.header.length + text.body.length
      } catch (error) {
        // Gone meanwhile, or not to be had now: then it is read when it is searched.
        if (!isFailure(error, 'MESSAGE_NOT_FOUND') && !isFailure(error, 'CONTENT_UNAVAILABLE')) throw error
      }
    }
    const upTo = Math.max(this.#upTo, rows[rows.length - 1].id)
    await database.write(async (tx) => {
      // Of those that were deleted since they were read no text may stay.
      const there = new Set((await tx.all<{ id: MessageId }>(`SELECT id FROM messages WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(rows.map(({ id }) => id))])).map(({ id }) => id))
      const made = rows.filter(({ id }) => there.has(id)).map((row): Text => texts.get(row.id) ?? { id: row.id, state: row.partial === allHere ? 'leftOut' : 'elsewhere', header: '', body: '' })
      if (fresh.length === 0) await tx.run(`DELETE FROM message_texts WHERE ${tx.dialect.oneOf('message')}`, [tx.dialect.list(made.map(({ id }) => id))])
      await insert(tx, made)
      await tx.run('UPDATE text_index SET up_to = ?', [upTo])
      tx.afterCommit(() => {
        for (const { id, state } of made) {
          if (state === 'indexed') this.#unindexed.delete(id)
          else this.#unindexed.add(id)
        }
        this.#upTo = upTo
      })
    })
    return true
  }
}

async function octetsOf(content: Content): Promise<Buffer> {
  if (content.octets) return content.octets
  const chunks: Buffer[] = []
  for await (const chunk of content.range(0, content.size)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function textOf({ id, header_size: headerSize, parts }: Row, octets: Buffer): Text {
  const decoded: readonly Part[] = decodeParts(parts)
  return { id, state: 'indexed', header: keepable(foldedHeader(octets.toString('latin1', 0, headerSize))), body: [...bodyTexts(octets, decoded)].map(keepable).join(gap) }
}

async function insert(tx: Statements, texts: readonly Text[]): Promise<void> {
  if (texts.length === 0) return
  const { dialect } = tx
  await tx.run(`INSERT INTO message_texts (message, whole, header, body) SELECT r.message, r.whole, r.header, r.body FROM ${dialect.rows({ message: 'int', whole: 'int', header: 'text', body: 'text' })} AS r`,
    [dialect.rowsValue(texts.map(({ id, state, header, body }) => [id, states[state], header, body]))])
  const whole = texts.filter((text) => text.state === 'indexed')
  if (dialect.name !== 'sqlite' || whole.length === 0) return
  await tx.run(`INSERT INTO message_trigrams (rowid, text) SELECT r.message, r.text FROM ${dialect.rows({ message: 'int', text: 'text' })} AS r`, [dialect.rowsValue(whole.map(({ id, header, body }) => [id, header + gap + body]))])
}

/** An FTS5 query for all trigrams of a text, each once. */
function allTrigrams(characters: readonly string[]): string {
  const trigrams = new Set<string>()
  for (let at = 0; at + 3 <= characters.length && trigrams.size < mostTrigrams; at++) trigrams.add(characters.slice(at, at + 3).join(''))
  return [...trigrams].map((trigram) => `"${trigram.replaceAll('"', '""')}"`).join(' AND ')
}
/** Trigrams of a long text that are asked for: they narrow it down well enough. */
const mostTrigrams = 32

const like = (text: string): string => `%${text.replace(/[!%_]/g, '!$&')}%`

declare module '../plugin/services.js' {
  interface Services { textIndex: TextIndex }
}
