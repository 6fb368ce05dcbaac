// The composition root: puts core's parts together (awilix), loads the plugins, and runs them up and down. No logic.
import { asFunction, asValue, createContainer, InjectionMode } from 'awilix'
import { join, resolve } from 'node:path'
import { makeAdministration } from './administration.js'
import { systemClock, type Clock } from './base/clock.js'
import { systemRandom, type Random } from './base/random.js'
import { makeAccounts } from './accounts/accounts.js'
import { makeAuthenticator } from './accounts/authenticator.js'
import { issuersFrom } from './accounts/bearer/settings.js'
import { accountsMigrations } from './accounts/migrations.js'
import { Quota } from './accounts/quota.js'
import { AccountsRepository } from './accounts/repository.js'
import { makeBlobStore, type BlobStore } from './blobs/blob-store.js'
import { databaseDriver } from './blobs/database-driver.js'
import { fsDriver } from './blobs/fs-driver.js'
import { blobsMigrations } from './blobs/migrations.js'
import { makeSpool } from './blobs/spool.js'
import type { Settings } from './config/schema.js'
import { connect, type Database } from './database/connect.js'
import { migrate } from './database/migrator.js'
import { ownDataFolder, type DataFolder } from './data-folder.js'
import { release } from './delivery/holds.js'
import { deliveryMigrations } from './delivery/migrations.js'
import { RetrievalChoices } from './delivery/choices.js'
import { Collector } from './delivery/collect.js'
import { RemoteContent } from './delivery/content.js'
import type { FileParts } from './delivery/file.js'
import { makeLocalRecipients } from './delivery/local-recipients.js'
import { makeOutbox } from './delivery/outbox.js'
import { RemotePins } from './delivery/remote-pins.js'
import { makeReports, reportJob } from './delivery/reports.js'
import { makeSentCopies, sentCopyJob } from './delivery/sent-copies.js'
import { SentTracking } from './delivery/sent-tracking.js'
import { Stores } from './delivery/stores.js'
import { makeBus, type Bus } from './events/bus.js'
import { Jobs, jobsMigrations } from './jobs/jobs.js'
import { makeHousekeeping } from './housekeeping.js'
import type { Log } from './log/logger.js'
import { Annotations } from './mailbox/annotations.js'
import { Feed } from './mailbox/feed.js'
import { KeywordSets } from './mailbox/flags.js'
import { Indexes } from './mailbox/indexes.js'
import { makeMailboxes } from './mailbox/mailboxes.js'
import { sweepOwnSeen, trimExpunged, usageOfAccounts } from './mailbox/repository.js'
import { shownName } from './mailbox/names.js'
import { TextIndexer } from './mailbox/text-index.js'
import { mailboxMigrations } from './mailbox/migrations.js'
import { specialMailboxes } from './mailbox/special-names.js'
import { createScanner } from './message/scan.js'
import { createMetrics, type Metrics } from './metrics/registry.js'
import { createNet } from './net/net.js'
import type { Dns } from './im2000/locate.js'
import { outboundParts } from './im2000/outbound.js'
import { makeReach, type Reach } from './im2000/reach.js'
import type { ServiceLocation } from './im2000/values.js'
import { loadCertificate } from './net/tls.js'
import type { Certificate } from './net/contract.js'
import type { Plugin } from './plugin/contract.js'
import { createHooks, type HookRegistry } from './plugin/hook-runtime.js'
import { createHost, type Host } from './plugin/host.js'
import { makeNotificationAgent, storeOf, type NotificationAgent } from './rna/notification-agent.js'
import { rnaMigrations } from './rna/migrations.js'
import { Lists } from './store/lists.js'
import type { MessageStore } from './store/contract.js'
import { makeMessageStore } from './store/message-store.js'
import { makeTracking, type TrackingStore } from './store/tracking.js'
import { Messages } from './store/messages.js'
import { storeMigrations } from './store/migrations.js'
import { Notifier } from './store/notifier.js'
import type { LocalRecipients } from './store/ports.js'
import { Queue } from './store/queue.js'
import { Reaper } from './store/reaper.js'
import { Retrieval } from './store/retrieval.js'
import { StatusFeed } from './store/status-feed.js'
import { makeSubmitBatch } from './store/submission.js'
import { sweepBlobs } from './store/sweep.js'
import { makeTlsMemory } from './store/tls-memory.js'
import { makeLetGo } from './store/let-go.js'
import { Windows } from './store/window.js'

export interface GatewayOptions {
  readonly settings: Settings
  readonly plugins: readonly { readonly plugin: Plugin; readonly config: unknown }[]
  readonly log: Log
  readonly clock?: Clock
  readonly random?: Random
  /** Whom to ask instead of DNS servers: for tests. */
  readonly dns?: Dns
}

const migrations = [...accountsMigrations, ...blobsMigrations, ...jobsMigrations, ...storeMigrations, ...rnaMigrations, ...mailboxMigrations, ...deliveryMigrations]

/** What the container makes from what it was given. */
interface Cradle {
  settings: Settings; log: Log; clock: Clock; random: Random; folder: string; database: Database; certificate: Certificate
  bus: Bus; metrics: Metrics; hooks: HookRegistry; repository: AccountsRepository; quota: Quota; accounts: ReturnType<typeof makeAccounts>
  blobs: BlobStore; messages: Messages; textIndex: TextIndexer; spool: ReturnType<typeof makeSpool>; jobs: Jobs; lists: Lists; feed: Feed; keywords: KeywordSets; indexes: Indexes
  stores: Stores; choices: RetrievalChoices; pins: RemotePins; content: RemoteContent; collector: Collector; fileParts: FileParts
  statuses: StatusFeed; sentTracking: SentTracking; outbox: ReturnType<typeof makeOutbox>; sentCopies: ReturnType<typeof makeSentCopies>; tlsMemory: ReturnType<typeof makeTlsMemory>; reach: Reach; notifier: Notifier; reports: ReturnType<typeof makeReports>; queue: Queue; windows: Windows; reaper: Reaper; retrieval: Retrieval; agent: NotificationAgent; mailboxes: ReturnType<typeof makeMailboxes>; local: LocalRecipients
  messageStore: MessageStore; tracking: TrackingStore; store: MessageStore & TrackingStore; authenticator: ReturnType<typeof makeAuthenticator>; net: ReturnType<typeof createNet>
}

export type Gateway = Awaited<ReturnType<typeof openGateway>>

/** Opens data folder and database and puts everything together; nothing listens yet. Throws DATA_FOLDER_LOCKED, DATABASE_FAILED, DATABASE_NEWER, PLUGIN_INVALID. */
export async function openGateway(options: GatewayOptions) {
  const { settings, log, clock = systemClock, random = systemRandom } = options
  const owned = await ownDataFolder(settings.data)
  let database: Database | undefined
  try {
    database = await openDatabase(settings, owned)
    const certificate = await loadCertificate({ ...settings.tls, dataFolder: owned.path, hostname: settings.hostname, log: log.child({ scope: 'tls' }), clock })
    return assemble(options, owned, database, certificate, clock, random)
  } catch (error) {
    await database?.close()
    await owned.release()
    throw error
  }
}

async function openDatabase(settings: Settings, owned: DataFolder): Promise<Database> {
  const { driver, file, url, readers, cacheMiB, busy } = settings.database
  const database = await connect(driver === 'sqlite' ? { driver, file: resolve(owned.path, file), readers, cacheMiB, busySeconds: busy } : { driver, url, readers })
  try {
    await migrate(database, migrations)
  } catch (error) {
    await database.close()
    throw error
  }
  return database
}

function assemble(options: GatewayOptions, owned: DataFolder, database: Database, certificate: Certificate, clock: Clock, random: Random) {
  const { settings, log } = options
  const { retrieval: retrievalSettings } = settings
  const pace = { timeout: retrievalSettings.fetchTimeout, minimumRate: retrievalSettings.minimumRate, messageLimit: settings.limits.messageOctets }
  const { store: storeSettings, notifier: notifierSettings, rna, outbound } = settings.im2000
  const scoped = (scope: string): Log => log.child({ scope })
  const container = createContainer<Cradle>({ injectionMode: InjectionMode.PROXY, strict: true })
  container.register({
    settings: asValue(settings), log: asValue(log), clock: asValue(clock), random: asValue(random), folder: asValue(owned.path), database: asValue(database), certificate: asValue(certificate),
    bus: asFunction(() => makeBus(scoped('events'))).singleton(),
    metrics: asFunction(() => createMetrics()).singleton(),
    hooks: asFunction(() => createHooks({ log: scoped('hooks'), clock, decisionMs: settings.limits.decision * 1000 })).singleton(),
    repository: asFunction(({ database }: Cradle) => new AccountsRepository(database)).singleton(),
    quota: asFunction(({ database, bus }: Cradle) => new Quota((accounts, hand) => database.write(async (tx) => {
      const found = await usageOfAccounts(tx, accounts)
      tx.afterCommit(() => hand(found))
    }), bus, clock)).singleton(),
    accounts: asFunction(({ database, repository, quota }: Cradle) => makeAccounts({
      database, repository, quota, clock, random,
      options: { domains: settings.domains, iterations: settings.accounts.scramIterations, quotaOctets: settings.accounts.quotaOctets, quotaMessages: settings.accounts.quotaMessages, catchAll: settings.accounts.catchAll },
    })).singleton(),
    authenticator: asFunction(({ repository, bus }: Cradle) => makeAuthenticator({
      repository, clock, random, bus, log: scoped('login'), iterations: settings.accounts.scramIterations, issuers: issuersFrom(settings.accounts.oauth, clock), certificates: settings.accounts.certificates,
      limits: {
        perAccount: settings.accounts.throttle.failuresPerAccount, perAddress: settings.accounts.throttle.failuresPerAddress,
        windowSeconds: settings.accounts.throttle.window, delayMs: settings.accounts.throttle.delay * 1000,
      },
    })).singleton(),
    blobs: asFunction(({ database, folder }: Cradle) => makeBlobStore({
      inlineLimit: settings.blobs.inlineLimit, driver: settings.blobs.driver === 'fs' ? fsDriver(join(folder, 'blobs')) : databaseDriver(database),
    })).singleton(),
    messages: asFunction(({ database, blobs }: Cradle) => new Messages({
      database, blobs, elsewhere: { get any() { return container.cradle.pins.any }, fetch: (message) => container.cradle.content.fetch(message) },
      forget: (tx, ids) => container.cradle.textIndex.forget(tx, ids), cacheOctets: settings.database.summaryCacheMiB * 1024 * 1024,
    })).singleton(),
    textIndex: asFunction(({ database, messages, feed }: Cradle) => new TextIndexer({
      database, contents: messages, feed, clock, log: scoped('text index'), enabled: settings.mailboxes.textIndex, largest: settings.mailboxes.textIndexOctets,
    })).singleton(),
    stores: asFunction(({ reach }: Cradle) => new Stores({
      clock, random, log: scoped('stores'), reach: (store) => reach.store(storeOf(store)), back: (store) => container.cradle.collector.back(store),
      options: { perStore: retrievalSettings.sessionsPerStore, retry: retrievalSettings.retry, longest: retrievalSettings.retryLongest },
    })).singleton(),
    choices: asFunction(({ database }: Cradle) => new RetrievalChoices({ database, configured: retrievalSettings })).singleton(),
    pins: asFunction(({ database, stores, choices, fileParts }: Cradle) => new RemotePins({
      database, clock, log: scoped('recipient'), stores, choices, giveUp: retrievalSettings.giveUp, retry: retrievalSettings.retry, file: fileParts, wake: () => container.cradle.collector.wake(),
    })).singleton(),
    content: asFunction(({ database, messages, blobs, spool, stores, pins }: Cradle) => new RemoteContent({
      database, messages, blobs, spool, stores, pins, clock, log: scoped('recipient'), pace, cacheOctets: retrievalSettings.cacheOctets,
    })).singleton(),
    collector: asFunction(({ database, accounts, messages, blobs, spool, local, stores, pins, choices }: Cradle) => new Collector({
      database, accounts, messages, blobs, spool, local, stores, pins, choices, clock, log: scoped('recipient'), scanner: () => createScanner(settings.limits.scan),
      options: { stores: retrievalSettings.stores, retry: retrievalSettings.retry, longest: retrievalSettings.retryLongest, headerOctets: retrievalSettings.headerOctets, giveUp: retrievalSettings.giveUp, pace },
    })).singleton(),
    fileParts: asFunction(({ quota, keywords, feed, bus, jobs }: Cradle): FileParts => ({ log: scoped('delivery'), quota, keywords, feed, bus, jobs, keepAfterRead: retrievalSettings.keepAfterRead })).singleton(),
    spool: asFunction(({ folder }: Cradle) => makeSpool({
      folder: join(folder, 'spool'), memoryLimit: settings.blobs.memoryLimit, messageLimit: settings.limits.messageOctets, scanner: () => createScanner(settings.limits.scan),
    })).singleton(),
    jobs: asFunction(({ database }: Cradle) => new Jobs({ database, clock, log: scoped('jobs') })).singleton(),
    lists: asFunction(({ database }: Cradle) => new Lists({ database, clock, random, retention: storeSettings.listRetention })).singleton(),
    feed: asFunction(() => new Feed()).singleton(),
    keywords: asFunction(({ database }: Cradle) => new KeywordSets(database)).singleton(),
    indexes: asFunction(({ database, keywords, feed }: Cradle) => new Indexes({ database, keywords, feed, log: scoped('mailboxes'), memoryMiB: settings.mailboxes.indexMemoryMiB })).singleton(),
    agent: asFunction(({ database, accounts }: Cradle) => makeNotificationAgent({ database, accounts, clock, log: scoped('rna'), options: rna, arrived: () => container.cradle.collector.wake() })).singleton(),
    statuses: asFunction(() => new StatusFeed()).singleton(),
    sentTracking: asFunction(({ database, messages, feed, statuses, keywords }: Cradle) => new SentTracking({ database, messages, feed, statuses, keywords, clock, log: scoped('sent') })).singleton(),
    outbox: asFunction(({ database, fileParts, sentTracking }: Cradle) => makeOutbox({
      database, clock, log: scoped('store'), file: fileParts, enabled: settings.mailboxes.sentTracking, track: (mailbox) => sentTracking.track(mailbox), local: () => container.cradle.local, sentCopies: () => container.cradle.sentCopies,
      findMailbox: async (account) => (await container.cradle.mailboxes.find(account, settings.mailboxes.outbox, true)).id,
    })).singleton(),
    sentCopies: asFunction(({ database, jobs, accounts, quota, feed, bus, sentTracking }: Cradle) => makeSentCopies({
      database, jobs, accounts, quota, feed, bus, clock, log: scoped('sent'), tracking: sentTracking,
      get mailboxes() { return container.cradle.mailboxes }, sentName: (account) => Object.entries(specialMailboxes(settings.mailboxes)(account)).find(([, use]) => use === '\\Sent')![0],
    })).singleton(),
    tlsMemory: asFunction(({ database }: Cradle) => makeTlsMemory({ database, clock, seconds: outbound.tlsMemory })).singleton(),
    reach: asFunction(({ tlsMemory }: Cradle) => makeReach({
      ...outboundParts(outbound), random, clock, memory: tlsMemory, ...(options.dns ? { dns: options.dns } : {}),
    })).singleton(),
    notifier: asFunction(({ database, reach, statuses, reports }: Cradle) => new Notifier({
      database, statuses, reports, clock, random, log: scoped('notifier'), reach: (domain) => reach.rna(domain),
      options: {
        repeatDays: notifierSettings.repeatDays, retry: notifierSettings.retry, longest: notifierSettings.retryLongest, refusals: notifierSettings.refusals,
        domains: notifierSettings.domains, perAgent: notifierSettings.sessionsPerAgent, digest: notifierSettings.digest, store: storeLocation(settings),
      },
    })).singleton(),
    reports: asFunction(({ database, jobs, accounts, messages }: Cradle) => makeReports({
      database, jobs, accounts, contents: messages, store: () => container.cradle.store, clock, log: scoped('reports'), host: settings.hostname, wholeOctets: settings.limits.returnedOctets,
    })).singleton(),
    queue: asFunction(({ database, statuses, reports, windows, notifier, reaper }: Cradle) => new Queue({ database, clock, statuses, reports, windows, notifier, reaper })).singleton(),
    windows: asFunction(({ database, accounts, messages, lists, statuses, reports, notifier, reaper }: Cradle) => new Windows({
      database, clock, log: scoped('store'),
      letGo: (submission) => makeLetGo({
        database, accounts, messages, lists, statuses, reports, notifier, reaper, clock, log: scoped('store'), local: container.cradle.local, reaches: (domain) => notifier.reaches(domain),
      })(submission),
    })).singleton(),
    // The ring store → delivery → mailboxes → pins → store is closed by looking each other up when called, not when made.
    retrieval: asFunction(({ database, messages, reaper, statuses }: Cradle) => new Retrieval({ database, messages, reaper, statuses, log: scoped('store') })).singleton(),
    reaper: asFunction(({ database, messages, indexes, lists, outbox, sentCopies }: Cradle) => new Reaper({
      database, outbox, sentCopies, clock, log: scoped('reaper'), messages, lists, shown: indexes,
      local: { plan: (arrival) => container.cradle.local.plan(arrival), refusals: (plan) => container.cradle.local.refusals(plan), write: (tx, filings) => container.cradle.local.write(tx, filings), withdraw: (tx, recipients, why) => container.cradle.local.withdraw(tx, recipients, why) },
      options: { tombstoneSeconds: storeSettings.tombstones, maximumAgeSeconds: storeSettings.maximumAge },
    })).singleton(),
    mailboxes: asFunction(({ database, accounts, quota, keywords, feed, indexes, bus, messages, blobs, retrieval, reaper, pins, outbox }: Cradle) => makeMailboxes({
      database, accounts, quota, keywords, feed, indexes, bus, clock, random, messages, blobs, maxKeywords: settings.mailboxes.maxKeywords,
      shown: (stored) => shownName(stored, settings.mailboxes.separator),
      annotations: new Annotations(database, { octets: settings.mailboxes.annotationOctets, count: settings.mailboxes.maxAnnotations }),
      pins: {
        unpin: async (tx, recipients) => {
          await retrieval.unpinRecipients(tx, recipients)
          await pins.unpin(tx, recipients)
          await outbox.left(tx, recipients)
        },
        read: async (tx, recipients) => {
          await retrieval.raiseIn(tx, recipients, 'readall')
          await pins.read(tx, recipients)
        },
        released: () => reaper.soon(), bring: (ids) => messages.fetchAll(ids), mustBeHere: (tx, ids) => messages.mustBeHere(tx, ids), takenBack: (mailbox, entries) => pins.takenBack(mailbox, entries),
      },
      options: { separator: settings.mailboxes.separator, maxPerAccount: settings.mailboxes.maxPerAccount, special: specialMailboxes(settings.mailboxes) },
    })).singleton(),
    local: asFunction(({ mailboxes, fileParts, hooks, agent }: Cradle) => makeLocalRecipients({
      clock, ...fileParts, storeName: settings.hostname, maxKeywords: settings.mailboxes.maxKeywords, log: scoped('delivery'),
      judge: (account, facts) => agent.judgeLocal(account, facts),
      hasPolicy: () => rna.policy.length > 0 || agent.personalPolicies,
      inboxes: (accounts) => mailboxes.inboxes(accounts),
      junk: async (account) => await mailboxes.special(account, '\\Junk') ?? (await mailboxes.find(account, settings.mailboxes.special.junk, true)).id,
      findMailbox: async (account, name, create) => (await mailboxes.find(account, name, create)).id,
      owing: () => (hooks.given('delivery.after') ? (prospect) => hooks.owing('delivery.after', prospect) : undefined),
      does: (plugin) => hooks.does('delivery.after', plugin),
      sort: () => (hooks.given('delivery.before') ? (arrival) => hooks.ask('delivery.before', arrival) : undefined),
    })).singleton(),
    tracking: asFunction(({ database, local, reaper, sentCopies }: Cradle) => makeTracking({ database, local, reaper, sentCopies, clock, log: scoped('store') })).singleton(),
    messageStore: asFunction(({ database, accounts, blobs, spool, lists, local, messages, notifier, statuses, outbox, reports, windows, sentCopies }: Cradle) => makeMessageStore({
      database, outbox, accounts, blobs, spool, lists, local, clock, random, submitBatch: makeSubmitBatch({ messages, lists, notifier, statuses, outbox, local, reports, windows, sentCopies, random }),
      reaches: (domain) => notifier.reaches(domain),
      options: { name: settings.hostname, minimumLifetime: storeSettings.minimumLifetime, defaultLifetime: storeSettings.lifetime, envelopeEntries: storeSettings.envelopeEntries },
    })).singleton(),
    store: asFunction(({ messageStore, tracking }: Cradle) => ({ ...messageStore, ...tracking })).singleton(),
    net: asFunction(({ metrics, folder, certificate }: Cradle) => createNet({ settings, dataFolder: folder, certificate, metrics, log: scoped('net'), clock })).singleton(),
  })
  const core = container.cradle
  const administration = makeAdministration({
    accounts: core.accounts, mailboxes: core.mailboxes, reaper: core.reaper,
    forget: [(tx, account) => core.outbox.forget(tx, account), (tx, account) => core.agent.removeAll(tx, account), (tx, account) => core.choices.removeAll(tx, account)],
  })
  const host: Host = createHost({
    plugins: options.plugins, database, log, clock, hooks: core.hooks, startMs: settings.limits.start * 1000,
    coreServices: {
      settings, hooks: core.hooks, metrics: core.metrics, events: core.bus, jobs: core.jobs, accounts: core.accounts, authenticator: core.authenticator, spool: core.spool, contents: core.messages,
      administration, messageStore: core.store, notifier: core.notifier, queue: core.queue, tracking: core.store, retrieval: core.retrieval, lists: core.lists, notificationAgent: core.agent, mailboxes: core.mailboxes, textIndex: core.textIndex, mailboxProviders: core.mailboxes.providers, reach: core.reach, net: core.net,
    },
  })
  core.jobs.handle('duty', async ({ hold, ...job }) => {
    await core.hooks.perform(job)
    if (hold) await release(database, hold).then(() => core.reaper.soon())
  })
  core.jobs.handle(sentCopyJob, (owed) => core.sentCopies.file(owed))
  core.jobs.handle(reportJob, (owed) => core.reports.write(owed))
  core.feed.listen(({ mailbox }) => core.hooks.tell('mailbox.changed', { mailbox }))
  core.metrics.counter('restante_commits_total', 'Transactions committed.', () => database.commits)
  host.setup()
  const housekeeping = makeHousekeeping({
    clock, log: scoped('housekeeping'),
    tasks: {
      'sweep content files': () => sweepBlobs(database, core.blobs, core.messages),
      'forget old expunges': () => trimExpunged(database),
      'forget what members have seen of messages that are gone': () => sweepOwnSeen(database),
      'forget unused keywords': () => core.keywords.sweep(),
      'forget who had TLS': () => core.tlsMemory.sweep(),
      'forget collected notifications': async () => {
        await core.pins.remember()
        await core.agent.sweep()
      },
      'keep the cache of remote mail within its bound': () => core.content.trim(),
    },
  })

  return {
    folder: owned.path,
    administration,
    get certificate() { return core.net.certificate! },
    /** The certificate of the configuration, read anew: new connections show it. Throws CONFIG_INVALID, and then the old one stays. */
    async renewCertificate(tls: Settings['tls'] = settings.tls) {
      core.net.renew(await loadCertificate({ ...tls, dataFolder: owned.path, hostname: settings.hostname, log: scoped('tls'), clock }))
    },
    accounts: core.accounts,
    mailboxes: core.mailboxes,
    textIndex: core.textIndex,
    store: core.store,
    contents: core.messages,
    spool: core.spool,
    authenticator: core.authenticator,
    retrieval: core.retrieval,
    lists: core.lists,
    agent: core.agent,
    jobs: core.jobs,
    reaper: core.reaper,
    notifier: core.notifier,
    queue: core.queue,
    windows: core.windows,
    collector: core.collector,
    stores: core.stores,
    sentTracking: core.sentTracking,
    content: core.content,
    retrievalChoices: core.choices,
    housekeeping,
    database,
    host,
    listeners: () => host.listeners(),
    /** Brings the plugins' tables up to date: enough for their administrative operations, without starting anything. */
    prepare: () => host.migrate((_, own) => migrate(database, own)),
    /** Sweeps what a crash left, starts the plugins, and lets strangers in. */
    async start() {
      await core.spool.sweep()
      await core.pins.load()
      await core.sentTracking.start()
      await core.outbox.load()
      await host.migrate((_, own) => migrate(database, own))
      await host.start()
      core.jobs.start()
      core.reaper.start()
      await core.textIndex.start()
      await host.ready()
      await core.notifier.start()
      await core.windows.start()
      await core.collector.start()
      housekeeping.start()
    },
    /** Drains: no new sessions, those that run may finish until the deadline. Everything accepted is committed before this resolves. */
    async stop(deadline: AbortSignal) {
      await host.stop(deadline)
      await Promise.all([core.notifier.stop(), core.windows.stop(), core.collector.stop(), core.sentTracking.stop()])
      await core.jobs.stop()
      await core.reaper.stop()
      await core.textIndex.stop()
      await housekeeping.stop()
      await database.close()
      await owned.release()
    },
  }
}

/** What recipients elsewhere are told of where they can read (D40, Q15). */
function storeLocation({ hostname, im2000: { store: { location: { clear, tls } } } }: Settings): { storeClear: ServiceLocation; storeSsl?: ServiceLocation } {
  const placed = (written: string | readonly string[]): ServiceLocation => (typeof written === 'string'
    ? { domain: written === '' ? hostname : written }
    : { literals: written.map((text) => ({ address: text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, ''), port: Number(text.slice(text.lastIndexOf(':') + 1)) })) })
  const ssl = placed(tls)
  return { storeClear: placed(clear), ...('literals' in ssl && ssl.literals.length === 0 ? {} : { storeSsl: ssl }) }
}
