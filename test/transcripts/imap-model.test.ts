// Several clients in two mailboxes, at random: each believes what it is told and nothing else, and in the end must believe what
// is so. Some know only RFC 3501, some mod-sequences, some resynchronise after lost connections (RFC 7162), some speak of UIDs
// only (RFC 9586), some are told without asking (NOTIFY, RFC 5465). They move, copy and replace messages under each other's eyes.
// IMAP_MODEL_RUNS: how many; IMAP_MODEL_SEED: the first one's seed (printed when it fails).
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'

const runs = Number(process.env.IMAP_MODEL_RUNS ?? 200)
const firstSeed = Number(process.env.IMAP_MODEL_SEED ?? Math.floor(Math.random() * 1e9))
const steps = 30
/** Runs at the same time, each with mailboxes of its own: they wait for the disk together. */
const atOnce = 8

type Kind = 'plain' | 'condstore' | 'qresync' | 'uidonly'
interface Known { uid: number | undefined; flags: string | undefined }
type Random = (below: number) => number
/** What is in the mailbox: UIDs and flags, as RFC 3501 says that commands change them. */
type Model = Map<number, string>
/** What a command must have done to them, by mailbox. */
type Effect = (models: Readonly<Record<string, Model>>) => void

let gateway: Awaited<ReturnType<typeof startGateway>>
let port: number
let account: Parameters<typeof gateway.running.gateway.mailboxes.status>[0]
beforeAll(async () => {
  gateway = await startGateway({ set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.imap4.idleDebounce=0'] })
  port = Number(gateway.listeners.imap.split(':').at(-1))
  account = (await gateway.running.gateway.accounts.all())[0].id
})
afterAll(() => gateway?.stop())

/** Mulberry32: the same seed, the same run. */
function random(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

const flagsOf = (text: string): string => text.split(' ').filter((name) => name !== '' && name !== '\\Recent').sort().join(' ')
const uidsOf = (set: string): number[] => set.split(',').flatMap((part) => {
  const [low, high = low] = part.split(':').map(Number)
  return Array.from({ length: high - low + 1 }, (_, i) => low + i)
})

/** A client: what it was told, and checks that it could be told so. */
class Client {
  known: Known[] = []
  selected = false
  idling = false
  readOnly = false
  highest = 0
  readonly log: string[] = []
  #socket!: Socket
  #text = ''
  #wake = (): void => undefined
  #tag = 0
  #running = ''
  #code: number | undefined
  #seen = 0

  /** @param notified told of changes without asking (RFC 5465) */
  constructor(readonly kind: Kind, public mailbox: string, readonly name: string, readonly notified: boolean) {}

  /** Message numbers mean something to it. */
  get counts(): boolean { return this.kind !== 'uidonly' }
  /** How a command says that it speaks of UIDs, where it may choose. */
  get says(): string { return this.counts ? '' : 'UID ' }

  async connect(): Promise<void> {
    this.#text = ''
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true).on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake()
    }).on('error', () => undefined)
    await this.#until((line) => line.startsWith('* OK'))
    await this.run(`LOGIN ${gateway.account} ${gateway.password}`)
    if (this.kind !== 'plain') expect((await this.run(`ENABLE ${this.kind}`)).untagged).toContain(`* ENABLED ${this.kind.toUpperCase()}`)
  }

  lose(): void {
    this.#socket.destroy()
    this.selected = this.idling = false
  }

  async select(readOnly: boolean, chance: Random, mailbox = this.mailbox): Promise<void> {
    // What is still under way would be taken for news of the other mailbox.
    if (this.notified && this.selected) await this.run('NOTIFY NONE')
    if (mailbox !== this.mailbox) {
      this.mailbox = mailbox
      this.known = []
      this.highest = 0
    }
    await this.#select(readOnly, chance)
    if (!this.notified) return
    const { status } = await this.run(`NOTIFY SET (${this.counts ? 'selected-delayed' : 'selected'} (MessageNew (UID FLAGS) MessageExpunge FlagChange))`)
    expect(status).toBe('OK')
  }

  async #select(readOnly: boolean, chance: Random): Promise<void> {
    this.readOnly = readOnly
    const command = readOnly ? 'EXAMINE' : 'SELECT'
    const before = this.known
    const cached = before.filter((one): one is { uid: number; flags: string } => one.uid !== undefined && one.flags !== undefined)
    this.known = []
    if (this.kind !== 'qresync' || this.highest === 0 || cached.length < before.length) {
      await this.run(`${command} ${this.mailbox}`)
      this.selected = true
      return
    }
    const { uidValidity } = await gateway.running.gateway.mailboxes.status(account, this.mailbox)
    const last = cached.at(-1)?.uid ?? 0
    const all = chance(2) === 0 || last === 0
    const sample = cached.length > 0 && chance(2) === 0 ? [...cached.keys()].filter(() => chance(3) === 0) : []
    const match = sample.length > 0 ? ` (${sample.map((i) => i + 1).join(',')} ${sample.map((i) => cached[i].uid).join(',')})` : ''
    const { untagged } = await this.run(`${command} ${this.mailbox} (QRESYNC (${uidValidity} ${this.highest}${all ? '' : ` 1:${last}`}${match}))`, true)
    const known = new Map(cached.map(({ uid, flags }) => [uid, flags]))
    let exists = -1
    let fetched = false
    const places: [number, number][] = []
    for (const line of untagged) {
      exists = Number(/^\* (\d+) EXISTS$/.exec(line)?.[1] ?? exists)
      const gone = /^\* VANISHED (.*)$/.exec(line)
      if (gone) {
        expect(gone[1], 'EARLIER in SELECT').toMatch(/^\(EARLIER\) /)
        expect(fetched, 'VANISHED (EARLIER) before FETCH').toBe(false)
        for (const uid of uidsOf(gone[1].slice(10))) known.delete(uid)
      }
      const fetch = /^\* (\d+) FETCH \(UID (\d+) FLAGS \((.*)\) MODSEQ \((\d+)\)\)$/.exec(line)
      if (!fetch) continue
      fetched = true
      known.set(Number(fetch[2]), flagsOf(fetch[3]))
      places.push([Number(fetch[1]), Number(fetch[2])])
    }
    const uids = [...known.keys()].sort((a, b) => a - b)
    if (all) expect(uids.length, 'messages after QRESYNC').toBe(exists)
    this.known = uids.map((uid) => ({ uid, flags: known.get(uid) }))
    while (this.known.length < exists) this.known.push({ uid: undefined, flags: undefined })
    for (const [seq, uid] of places) expect(this.known[seq - 1].uid).toBe(uid)
    this.selected = true
  }

  /** Asks for what it does not know. */
  async learn(): Promise<void> {
    if (!this.counts) {
      while (this.known.some(({ uid, flags }) => uid === undefined || flags === undefined)) await this.run('UID FETCH 1:* (FLAGS)')
      this.known.sort((a, b) => (a.uid ?? Infinity) - (b.uid ?? Infinity))
      return
    }
    while (this.known.some(({ uid, flags }) => uid === undefined || flags === undefined)) {
      const from = this.known.findIndex(({ uid, flags }) => uid === undefined || flags === undefined)
      await this.run(`FETCH ${from + 1}:${this.known.length} (UID FLAGS)`)
    }
  }

  async idle(): Promise<void> {
    this.#send('IDLE')
    await this.#until((line) => {
      if (line.startsWith('+')) return true
      this.#hear(line)
      return false
    })
    this.idling = true
  }

  async done(): Promise<void> {
    this.idling = false
    this.#socket.write('DONE\r\n')
    await this.#reply()
  }

  run(command: string, selecting = false): Promise<{ status: string; text: string; untagged: string[] }> {
    this.#send(command)
    return this.#reply(selecting)
  }

  #send(command: string): void {
    this.#running = command
    this.log.push(`C: ${command}`)
    this.#socket.write(`t${++this.#tag} ${command}\r\n`)
  }

  async #reply(selecting = false): Promise<{ status: string; text: string; untagged: string[] }> {
    const untagged: string[] = []
    const tagged = await this.#until((line) => {
      if (line.startsWith(`t${this.#tag} `)) return true
      untagged.push(line)
      if (selecting) this.#isModseq(line)
      else this.#hear(line)
      return false
    })
    this.#isModseq(tagged)
    this.#settle()
    const [, status, text] = /^\S+ (\S+) (.*)$/.exec(tagged)!
    if (status === 'BAD') throw new Error(`${this.#running}: ${tagged}`)
    return { status, text, untagged }
  }

  /** RFC 7162 6: a code counts, else the highest MODSEQ of a FETCH. */
  #settle(): void {
    if (this.#code !== undefined) this.highest = this.#code
    else this.highest = Math.max(this.highest, this.#seen)
    this.#code = undefined
    this.#seen = 0
  }

  #isModseq(line: string): void {
    const code = /\[HIGHESTMODSEQ (\d+)\]/.exec(line)
    if (code) this.#code = Number(code[1])
    const fetch = /^\* \d+ FETCH .*MODSEQ \((\d+)\)/.exec(line)
    if (fetch) this.#seen = Math.max(this.#seen, Number(fetch[1]))
  }

  #hear(line: string): void {
    this.#isModseq(line)
    const [, number, word, rest] = /^\* (\d+) (EXISTS|EXPUNGE|FETCH|UIDFETCH)(?: \((.*)\))?$/.exec(line) ?? []
    const seq = Number(number)
    if (word === 'UIDFETCH') {
      expect(this.counts, line).toBe(false)
      const about = this.known.find((one) => one.uid === seq) ?? this.known.find((one) => one.uid === undefined)
      expect(about, line).toBeDefined()
      about!.uid = seq
      about!.flags = flagsOf(/FLAGS \(([^)]*)\)/.exec(rest)![1])
    } else if (word === 'EXISTS') {
      expect(seq, `EXISTS never shrinks: ${line}`).toBeGreaterThanOrEqual(this.known.length)
      while (this.known.length < seq) this.known.push({ uid: undefined, flags: undefined })
    } else if (word === 'EXPUNGE') {
      this.#mayShrink(line)
      expect(this.kind).not.toMatch(/qresync|uidonly/)
      expect(seq).toBeLessThanOrEqual(this.known.length)
      this.known.splice(seq - 1, 1)
    } else if (word === 'FETCH') {
      expect(this.counts, line).toBe(true)
      const about = this.known[seq - 1]
      expect(about, line).toBeDefined()
      const uid = /UID (\d+)/.exec(rest)?.[1]
      const flags = /FLAGS \(([^)]*)\)/.exec(rest)?.[1]
      if (this.kind !== 'plain' && !this.notified && !this.#running.includes('FETCH')) expect(line, 'UID and MODSEQ (RFC 7162 3.2.4)').toMatch(/UID .*MODSEQ|MODSEQ .*UID/)
      if (uid !== undefined) {
        if (about.uid !== undefined) expect(Number(uid), line).toBe(about.uid)
        about.uid = Number(uid)
      }
      if (flags !== undefined) about.flags = flagsOf(flags)
    } else if (line.startsWith('* VANISHED')) {
      expect(this.kind).toMatch(/qresync|uidonly/)
      if (line.startsWith('* VANISHED (EARLIER)')) {
        for (const uid of uidsOf(line.slice(21))) expect(this.known.some((one) => one.uid === uid), `${line} is shown still`).toBe(false)
        return
      }
      if (this.counts) this.#mayShrink(line)
      for (const uid of uidsOf(line.slice(11))) {
        const at = this.known.findIndex((one) => one.uid === uid)
        const unknown = this.known.findIndex((one) => one.uid === undefined)
        expect(at >= 0 || unknown >= 0, `${line}: nobody knows ${uid}`).toBe(true)
        if (at >= 0) this.known.splice(at, 1)
        else if (!this.counts) this.known.splice(unknown, 1)
        // One of those whose UID it never asked for: which place it had cannot be told, so all places are asked for anew.
        else this.known = this.known.slice(1).map(() => ({ uid: undefined, flags: undefined }))
      }
    }
  }

  #mayShrink(line: string): void {
    expect(this.#running, `${line} during ${this.#running}`).not.toMatch(/^(FETCH|STORE|SEARCH)/)
  }

  /** Hands on lines until one is wanted. */
  async #until(wanted: (line: string) => boolean): Promise<string> {
    for (const began = Date.now(); ;) {
      const end = this.#text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        this.log.push(`S: ${line}`)
        if (this.log.length > 400) this.log.splice(0, 100)
        if (wanted(line)) return line
        continue
      }
      if (Date.now() - began > 10_000) throw new Error(`${this.name}: nothing came after ${this.#running}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, 1000).unref()
      })
    }
  }
}

const names = ['\\Seen', '\\Flagged', '\\Deleted', '$Work', '\\Answered']

const nothing: Effect = () => undefined
const changed = (before: string, mode: string, flags: readonly string[]): string => {
  const now = new Set(mode === '' ? [] : before.split(' ').filter((name) => name !== ''))
  for (const name of flags) if (mode === '-') now.delete(name)
  else now.add(name)
  return [...now].sort().join(' ')
}
const expunge = (client: Client, from: number): Effect => {
  const shown = new Set(client.known.map(({ uid }) => uid))
  const { mailbox } = client
  return ({ [mailbox]: model }) => { for (const [uid, flags] of model) if (uid >= from && shown.has(uid) && flags.includes('\\Deleted')) model.delete(uid) }
}
const twin = (mailbox: string): string => (mailbox.endsWith('b') ? mailbox.slice(0, -1) : `${mailbox}b`)
const copiedTo = (text: string): number => Number(/COPYUID \d+ \d+ (\d+)\]/.exec(text)?.[1])

/** What one client does next. What it changes is what it believes afterwards. */
async function act(client: Client, chance: Random): Promise<Effect> {
  if (client.idling) {
    await client.done()
    return nothing
  }
  if (!client.selected) {
    await client.select(chance(6) === 0, chance)
    return nothing
  }
  const count = client.known.length
  const some = (): number => 1 + chance(count)
  const { mailbox } = client
  switch (count === 0 ? chance(4) : chance(18)) {
    case 0: case 1:
    {
      const flags = ['', '\\Seen', '$Work \\Deleted'][chance(3)]
      // Now and then into the mailbox that only others look at.
      const where = chance(4) === 0 ? twin(mailbox) : mailbox
      const { text } = await client.run(`APPEND ${where} (${flags}) {6+}\r\nA: b\r\n`)
      return ({ [where]: model }) => { model.set(Number(/APPENDUID \d+ (\d+)/.exec(text)![1]), flags) }
    }
    case 2:
      await client.idle()
      return nothing
    case 3:
      await client.run('NOOP')
      return nothing
    case 4: case 5: case 6: case 7: {
      const byUid = !client.counts || chance(2) === 0
      await client.learn()
      if (client.known.length === 0) return nothing
      const [low, high] = [1 + chance(client.known.length), 1 + chance(client.known.length)].sort((a, b) => a - b)
      const asked = client.known.slice(low - 1, high)
      const mode = ['+', '-', ''][chance(3)]
      const silent = chance(2) === 0
      const flags = names.filter(() => chance(2) === 0)
      const since = (client.kind === 'condstore' || client.kind === 'qresync') && chance(3) === 0 ? ` (UNCHANGEDSINCE ${client.highest})` : ''
      const set = byUid ? `${asked[0].uid}:${asked.at(-1)!.uid}` : `${low}:${high}`
      const { status, text, untagged } = await client.run(`${byUid ? 'UID ' : ''}STORE ${set}${since} ${mode}FLAGS${silent ? '.SILENT' : ''} (${flags.join(' ')})`)
      if (status === 'NO' && text.includes('READ-ONLY')) return nothing
      const failed = new Set(uidsOf(/\[MODIFIED ([\d,:]+)\]/.exec(text)?.[1] ?? '0'))
      const told = new Set(untagged.flatMap((line) => (/FETCH \(UID (\d+) FLAGS/.exec(line)?.[1] ?? /^\* (\d+) UIDFETCH \(FLAGS/.exec(line)?.[1] ?? [])).map(Number))
      // Without UIDs in its replies: by place, and those do not shift while STORE runs.
      if (client.kind === 'plain') for (const line of untagged) told.add(client.known[Number(/^\* (\d+) FETCH \(FLAGS/.exec(line)?.[1] ?? 0) - 1]?.uid ?? 0)
      const stored = asked.filter((one, i) => !failed.has(byUid ? one.uid! : low + i))
      const uids = stored.map(({ uid }) => uid!)
      // What the server told of it meanwhile is newer.
      if (silent) for (const one of stored) if (one.flags !== undefined && !told.has(one.uid!)) one.flags = changed(one.flags, mode, flags)
      // Whoever is told at any time cannot know whether that was before or after its own change.
      if (silent && client.notified) for (const one of stored) if (told.has(one.uid!)) one.flags = undefined
      return ({ [mailbox]: model }) => { for (const uid of uids) if (model.has(uid)) model.set(uid, changed(model.get(uid)!, mode, flags)) }
    }
    case 8: {
      await client.learn()
      const effect = expunge(client, 1)
      return (await client.run('EXPUNGE')).status === 'OK' ? effect : nothing
    }
    case 9: {
      await client.learn()
      const from = client.known[chance(client.known.length)]?.uid
      const effect = from === undefined ? nothing : expunge(client, from)
      return from !== undefined && (await client.run(`UID EXPUNGE ${from}:*`)).status === 'OK' ? effect : nothing
    }
    case 10: case 16: {
      await client.learn()
      const uid = client.known[chance(client.known.length)]?.uid
      if (uid === undefined) return nothing
      const [verb, other] = [['MOVE', 'MOVE', 'COPY'][chance(3)], twin(mailbox)]
      const { status, text, untagged } = await client.run(`UID ${verb} ${uid} ${other}`)
      const made = copiedTo([text, ...untagged].find((line) => line.includes('COPYUID')) ?? '')
      if (status !== 'OK' || Number.isNaN(made)) return nothing
      return ({ [mailbox]: from, [other]: to }) => {
        to.set(made, from.get(uid)!)
        if (verb === 'MOVE') from.delete(uid)
      }
    }
    case 17: {
      await client.learn()
      const at = chance(client.known.length)
      const uid = client.known[at]?.uid
      if (uid === undefined) return nothing
      const where = chance(3) === 0 ? twin(mailbox) : mailbox
      const byUid = !client.counts || chance(2) === 0
      const flags = ['', '\\Flagged'][chance(2)]
      const { status, untagged } = await client.run(`${byUid ? 'UID ' : ''}REPLACE ${byUid ? uid : at + 1} ${where} (${flags}) {6+}\r\nA: c\r\n`)
      if (status !== 'OK') return nothing
      const made = Number(/APPENDUID \d+ (\d+)\]/.exec(untagged.find((line) => line.includes('APPENDUID'))!)![1])
      return ({ [mailbox]: from, [where]: to }) => {
        from.delete(uid)
        to.set(made, flags)
      }
    }
    case 11:
      await client.run(client.counts ? `FETCH ${some()} (UID FLAGS)` : 'UID FETCH 1:* (FLAGS)')
      return nothing
    case 12:
      await client.run(client.kind === 'uidonly' ? 'UID SEARCH SEEN' : client.kind === 'qresync' ? `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${Math.max(1, client.highest)} VANISHED)` : client.kind === 'condstore' ? 'UID FETCH 1:* (FLAGS MODSEQ)' : `SEARCH ${some()} SEEN`)
      return nothing
    case 13:
      await client.learn()
      await client.select(chance(4) === 0, chance, chance(3) === 0 ? twin(mailbox) : mailbox)
      return nothing
    case 14:
      await client.learn()
      client.lose()
      await client.connect()
      return nothing
    default: {
      await client.learn()
      const effect = client.readOnly ? nothing : expunge(client, 1)
      await client.run('CLOSE')
      client.selected = false
      return effect
    }
  }
}

const bits: readonly (readonly [string, number])[] = [['\\Seen', 1], ['\\Answered', 2], ['\\Flagged', 4], ['\\Deleted', 8]]
type Truth = Record<string, { uid: number; flags: string }[]>

/** The rows of both mailboxes, as they are. */
async function truthOf(ids: ReadonlyMap<number, string>): Promise<Truth> {
  const rows = await gateway.running.gateway.database.read.all<{ mailbox: number; uid: number; flags: number; names: string | null }>(
    `SELECT e.mailbox, e.uid, e.flags, k.names FROM entries e LEFT JOIN keyword_sets k ON k.id = e.keywords WHERE e.mailbox IN (${[...ids.keys()].join(', ')}) ORDER BY e.uid`, [])
  const truth: Truth = Object.fromEntries([...ids.values()].map((name) => [name, []]))
  for (const { mailbox, uid, flags, names } of rows) truth[ids.get(mailbox)!].push({ uid, flags: [...bits.filter(([, bit]) => flags & bit).map(([name]) => name), ...(names ? names.split(' ') : [])].sort().join(' ') })
  return truth
}

async function play(seed: number): Promise<void> {
  const chance = random(seed)
  const mailbox = `m${seed}`
  const both = [mailbox, twin(mailbox)]
  const kinds: Kind[] = ['plain', 'condstore', 'qresync', 'qresync', 'uidonly']
  const clients = Array.from({ length: 2 + chance(3) }, (_, i) => new Client(kinds[chance(kinds.length)], both[chance(3) === 0 ? 1 : 0], `client ${i}`, chance(4) === 0))
  const ids = new Map<number, string>()
  const truths = (): Promise<Truth> => truthOf(ids)
  try {
    await Promise.all(clients.map((client) => client.connect()))
    // MAILBOXID (RFC 8474) is F and the number of its rows.
    for (const name of both) ids.set(Number(/MAILBOXID \(F(\d+)\)/.exec((await clients[0].run(`CREATE ${name}`)).text)![1]), name)
    let before = await truths()
    for (let step = 0; step < steps; step++) {
      // One alone, who does what the model says, or some at the same time, in whatever order.
      if (chance(3) === 0) {
        await Promise.all(clients.filter(() => chance(2) === 0).map((client) => act(client, chance)))
        before = await truths()
        continue
      }
      const models = Object.fromEntries(both.map((name) => [name, new Map(before[name].map(({ uid, flags }) => [uid, flags]))]))
      const client = clients[chance(clients.length)]
      // What is still under way to it the server takes for told.
      if (client.notified && client.selected && !client.idling) await client.run('NOOP')
      const effect = await act(client, chance)
      effect(models)
      before = await truths()
      expect(before, 'what the last command did').toEqual(Object.fromEntries(both.map((name) => [name, [...models[name]].map(([uid, flags]) => ({ uid, flags })).sort((a, b) => a.uid - b.uid)])))
    }
    for (const client of clients) {
      if (client.idling) await client.done()
      if (!client.selected) await client.select(false, chance)
      await client.run('NOOP')
      await client.learn()
      await client.run('NOOP')
    }
    const truth = await truths()
    for (const client of clients) expect(client.known, `what ${client.name} (${client.kind}) believes of ${client.mailbox}`).toEqual(truth[client.mailbox])
    for (const name of both) await gateway.running.gateway.mailboxes.delete(account, name)
  } catch (error) {
    const logs = clients.map((client) => `${client.name} (${client.kind}${client.notified ? ', notified' : ''}, ${client.mailbox})\n${client.log.slice(-60).join('\n')}`).join('\n\n')
    throw new Error(`IMAP_MODEL_SEED=${seed} IMAP_MODEL_RUNS=1: ${(error as Error).message}\n${logs}`, { cause: error })
  } finally {
    for (const client of clients) client.lose()
  }
}

it(`${runs} runs of several clients in two mailboxes, from seed ${firstSeed}`, { timeout: 30_000 + runs * 2000 }, async () => {
  let next = 0
  await Promise.all(Array.from({ length: Math.min(atOnce, runs) }, async () => { while (next < runs) await play((firstSeed + next++) >>> 0) }))
})
