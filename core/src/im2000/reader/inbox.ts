// A reader's inbox: the notifications that were collected and not yet dealt with, in one file of the reader's own (im2000.md F.2,
// F15). What `save` has written survives a power cut; nothing that lets a store or an agent forget is sent before it.
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { failure } from '../../errors/codes.js'
import type { Collected } from '../client/rnaqp.js'
import type { Notification, ServiceLocation } from '../values.js'

const location = z.union([z.object({ domain: z.string() }), z.object({ literals: z.array(z.object({ address: z.string(), port: z.number() })) })])
const entry = z.object({
  /** What people call it by. */
  number: z.number().int().positive(),
  storeClear: location,
  storeSsl: location.optional(),
  recipient: z.string(),
  /** Hex. A bearer secret: the file is its owner's only (H11). */
  identifier: z.string().regex(/^[0-9a-f]{32}$/),
  sender: z.string(),
  size: z.number().optional(),
  submitter: z.object({ address: z.string(), port: z.number(), domain: z.string().optional() }),
  /** Seconds since 1970, by the agent's clock. */
  date: z.number(),
  silenced: z.boolean(),
  /** The store says that there is no such message any more (F17). */
  gone: z.boolean(),
  /** Since when the store cannot be asked, and why (F18). Milliseconds UTC. */
  trouble: z.object({ why: z.string(), since: z.number(), last: z.number(), failures: z.number() }).optional(),
  /** SHA-256 of all its octets, hex, as announced or as first fetched: they must never be others (H5). */
  digest: z.string().optional(),
})
const contents = z.object({
  version: z.literal(1),
  agent: z.object({ host: z.string(), port: z.number(), tls: z.boolean(), account: z.string() }).optional(),
  next: z.number().int(),
  entries: z.array(entry),
  /** Hashes of (store, identifier) that were dealt with, and when: repeats are ignored (F.2 step 6, H15). */
  remembered: z.array(z.tuple([z.string(), z.number()])),
  /** Names that were reached with TLS and are held to it (H9). */
  tls: z.array(z.string()),
})
export type Entry = z.output<typeof entry>
export type Contents = z.output<typeof contents>

const rememberMs = 30 * 86_400_000

export class Inbox {
  #lock: string | undefined
  private constructor(readonly path: string, readonly contents: Contents) {}

  /** Reads the file, or begins a new one; nobody else may until `close`. Throws NOT_PERMITTED when somebody does, or for a file that is not one of ours. */
  static async open(path: string): Promise<Inbox> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const lock = `${path}.lock`
    await take(lock)
    try {
      const inbox = new Inbox(path, await load(path))
      inbox.#lock = lock
      return inbox
    } catch (error) {
      await rm(lock, { force: true })
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#lock !== undefined) await rm(this.#lock, { force: true })
    this.#lock = undefined
  }

  /** Writes all of it, durably: to a new file, synced, renamed over the old one. */
  async save(): Promise<void> {
    await writeDurably(this.path, Buffer.from(`${JSON.stringify(this.contents, undefined, 1)}\n`))
  }

  /** Throws MESSAGE_NOT_FOUND. */
  entry(number: number): Entry {
    const found = this.contents.entries.find((one) => one.number === number)
    if (!found) throw failure('MESSAGE_NOT_FOUND')
    return found
  }

  /** Adds what was collected, but for repeats. Not durable before `save`. */
  add(collected: readonly Collected[], now: number): void {
    const { contents } = this
    contents.remembered = contents.remembered.filter(([, at]) => at > now - rememberMs)
    const known = new Set([...contents.remembered.map(([pair]) => pair), ...contents.entries.map(pairOf)])
    for (const { notification, submitter, date } of collected) {
      const { storeClear, storeSsl, recipient, identifier, sender, size, digest } = notification
      const made: Entry = {
        number: contents.next, storeClear: copyOf(storeClear), ...(storeSsl === undefined ? {} : { storeSsl: copyOf(storeSsl) }), recipient, identifier: identifier.toString('hex'), sender,
        ...(size === undefined ? {} : { size }), submitter: { ...submitter }, date: Number(date), silenced: false, gone: false, ...(digest === undefined ? {} : { digest: digest.toString('hex') }),
      }
      if (known.has(pairOf(made))) continue
      known.add(pairOf(made))
      contents.entries.push(made)
      contents.next++
    }
  }

  /** The entry was dealt with. Not durable before `save`. */
  remove(number: number, now: number): void {
    const gone = this.entry(number)
    this.contents.entries = this.contents.entries.filter((one) => one !== gone)
    this.contents.remembered.push([pairOf(gone), now])
  }
}

/** Two stores may give the same identifier. */
const pairOf = ({ storeClear, storeSsl, recipient, identifier }: Pick<Entry, 'storeClear' | 'storeSsl' | 'recipient' | 'identifier'>): string =>
  createHash('sha256').update(JSON.stringify([storeClear, storeSsl ?? null, recipient, identifier])).digest('base64url')

const copyOf = (location: ServiceLocation): z.output<typeof entry>['storeClear'] => ('domain' in location ? { domain: location.domain } : { literals: location.literals.map(({ address, port }) => ({ address, port })) })

/** Where an entry's message is. */
export const storeOf = ({ storeClear, storeSsl }: Entry): Pick<Notification, 'storeClear' | 'storeSsl'> => ({ storeClear, ...(storeSsl === undefined ? {} : { storeSsl }) })

async function load(path: string): Promise<Contents> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { version: 1, next: 1, entries: [], remembered: [], tls: [] }
  }
  try {
    return contents.parse(JSON.parse(text))
  } catch (error) {
    throw failure('NOT_PERMITTED', { what: `the inbox ${path}: it is damaged or of another program` }, error)
  }
}

async function take(lock: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const handle = await open(lock, 'wx', 0o600)
      await handle.writeFile(String(process.pid))
      await handle.close()
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
      if (tries > 0 || isRunning(owner)) throw failure('NOT_PERMITTED', { what: `the inbox: process ${owner} is using it (${lock})` }, error)
      await rm(lock, { force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A file that is there whole, or not at all. */
export async function writeDurably(path: string, octets: Buffer | AsyncIterable<Buffer>): Promise<void> {
  const made = `${path}.new`
  const handle = await open(made, 'w', 0o600)
  try {
    if (Buffer.isBuffer(octets)) await handle.writeFile(octets)
    else for await (const piece of octets) await handle.writeFile(piece)
    await handle.sync()
  } catch (error) {
    await handle.close()
    await rm(made, { force: true })
    throw error
  }
  await handle.close()
  await rename(made, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
