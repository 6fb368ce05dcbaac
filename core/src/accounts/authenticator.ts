// Who is this? Passwords, SCRAM, APOP, bearer tokens and client certificates, behind one throttle. A wrong name and a wrong password look and take the same.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import { failure } from '../errors/codes.js'
import type { Bus } from '../events/bus.js'
import type { Log } from '../log/logger.js'
import { TokenRefused, type Issuers } from './bearer/issuers.js'
import { bearerRefusal, parseBearerMessage } from './bearer/messages.js'
import type { Account, Authenticator, ChannelBinding, LoginAttempt, ScramConversation } from './contract.js'
import { namesIn, type CertificateNames } from './certificate-names.js'
import { verify, type Credentials } from './credentials.js'
import type { AccountsRepository } from './repository.js'
import { ScramRefusal, ScramServer } from './scram.js'
import { Throttle, type ThrottleLimits } from './throttle.js'

export interface AuthenticatorParts {
  readonly repository: AccountsRepository
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly bus: Bus
  readonly limits: ThrottleLimits
  /** PBKDF2 iterations that made-up credentials pretend to. */
  readonly iterations: number
  /** Whose OAuth tokens are taken; nobody's when absent. */
  readonly issuers?: Issuers | undefined
  /** Where client certificates say whose they are. */
  readonly certificates: CertificateNames
}

/** A password that was right is remembered this long (as a keyed hash), so that phones that log in all day do not pay for PBKDF2 each time. */
const rememberedMs = 10 * 60_000
const rememberedAtMost = 20_000

export function makeAuthenticator({ repository, clock, random, log, bus, limits, iterations, issuers, certificates }: AuthenticatorParts): Authenticator {
  const throttle = new Throttle(limits, clock)
  const pepper = Buffer.from(random.octets(32))
  const remembered = new Map<string, { digest: Buffer; credentials: Credentials; until: number }>()
  const keyed = (text: string): Buffer => createHmac('sha256', pepper).update(text).digest()

  /** Made up, but the same each time, so that asking twice tells nothing. */
  const madeUp = (name: string): Credentials => ({ salt: keyed(`salt ${name}`).subarray(0, 16), iterations, storedKey: keyed(`stored ${name}`), serverKey: keyed(`server ${name}`) })

  const guard = (name: string, attempt: LoginAttempt): void => {
    if (throttle.allows(name, attempt.remoteAddress)) return
    log.warn({ service: attempt.service, address: attempt.remoteAddress, account: name }, 'login refused: too many failures')
    throw failure('AUTHENTICATION_THROTTLED')
  }
  const count = async (name: string, attempt: LoginAttempt, why: string): Promise<void> => {
    log.info({ service: attempt.service, address: attempt.remoteAddress, account: name, why }, 'login failed')
    await throttle.failed(name, attempt.remoteAddress)
  }
  const refuse = async (name: string, attempt: LoginAttempt, why: string): Promise<never> => {
    await count(name, attempt, why)
    throw failure('AUTHENTICATION_FAILED')
  }
  const welcome = (account: Account, attempt: LoginAttempt): Account => {
    throttle.succeeded(account.name, attempt.remoteAddress)
    bus.tell({ type: 'Login', account: account.id, at: clock.now(), service: attempt.service, remoteAddress: attempt.remoteAddress })
    return account
  }

  /** The same keys object stands in the cache for as long as the account has not changed. */
  const known = (name: string, password: string, credentials: Credentials): boolean => {
    const entry = remembered.get(name)
    if (!entry || entry.until < clock.now() || entry.credentials !== credentials) return false
    return timingSafeEqual(entry.digest, keyed(password))
  }
  const remember = (name: string, password: string, credentials: Credentials): void => {
    remembered.delete(name)
    remembered.set(name, { digest: keyed(password), credentials, until: clock.now() + rememberedMs })
    if (remembered.size > rememberedAtMost) remembered.delete(remembered.keys().next().value!)
  }

  const makeScram = (attempt: LoginAttempt, binding?: ChannelBinding): ScramConversation => {
    const server = new ScramServer(random, binding)
    const worded = async <T>(step: () => Promise<T> | T): Promise<T> => {
      try {
        return await step()
      } catch (error) {
        if (error instanceof ScramRefusal) return refuse(server.name.toLowerCase(), attempt, error.message)
        throw error
      }
    }
    return {
      first: (message) => worded(() => server.first(message, async (name) => {
        const folded = name.toLowerCase()
        guard(folded, attempt)
        return (await repository.login(folded))?.credentials ?? madeUp(folded)
      })),
      final: (message) => worded(async () => {
        const answer = server.final(message)
        const found = await repository.login(server.name.toLowerCase())
        if (!found?.account.enabled) throw new ScramRefusal('account disabled')
        return { message: answer, account: welcome(found.account, attempt) }
      }),
    }
  }

  return {
    async password(name, password, attempt) {
      const folded = name.toLowerCase()
      guard(folded, attempt)
      const found = await repository.login(folded)
      const credentials = found?.credentials ?? madeUp(folded)
      const right = known(folded, password, credentials) || await verify(password, credentials)
      if (!right || !found?.account.enabled || !found.credentials) return refuse(folded, attempt, found ? 'wrong password or disabled' : 'unknown account')
      remember(folded, password, credentials)
      return welcome(found.account, attempt)
    },
    scram: makeScram,
    bearerMechanisms: issuers ? ['OAUTHBEARER', 'XOAUTH2'] : [],
    async bearer(mechanism, octets, attempt) {
      const message = parseBearerMessage(mechanism, octets)
      const claimed = message?.name?.toLowerCase() ?? ''
      guard(claimed, attempt)
      try {
        if (!issuers || !message) throw new TokenRefused('not a message with a token')
        const name = (await issuers.nameIn(message.token)).toLowerCase()
        if (claimed !== '' && claimed !== name) throw new TokenRefused(`the token is for ${name}`)
        const found = await repository.login(name)
        if (!found?.account.enabled) throw new TokenRefused(`no account ${name}, or disabled`)
        return { account: welcome(found.account, attempt) }
      } catch (error) {
        if (!(error instanceof TokenRefused)) {
          log.warn({ service: attempt.service, err: error }, 'a token could not be checked')
          throw error
        }
        await count(claimed, attempt, error.message)
        return { challenge: bearerRefusal(mechanism, message ? error.status : 'invalid_request', issuers?.hint ?? { scope: '', discovery: '' }) }
      }
    },
    async external(certificate, as, attempt) {
      const wanted = as.toLowerCase()
      guard(wanted, attempt)
      const names = namesIn(certificate, certificates)
      for (const name of names) {
        if (wanted !== '' && wanted !== name) continue
        const found = await repository.login(name)
        if (found?.account.enabled) return welcome(found.account, attempt)
      }
      return refuse(wanted, attempt, `the certificate names ${names.join(', ') || 'nobody'}`)
    },
    async apop(name, timestamp, digest, attempt) {
      const folded = name.toLowerCase()
      guard(folded, attempt)
      const found = await repository.login(folded)
      const expected = createHash('md5').update(timestamp + (found?.apopSecret ?? Buffer.from(random.octets(16)).toString('hex'))).digest()
      const given = Buffer.from(digest, 'hex')
      const right = given.length === expected.length && timingSafeEqual(given, expected)
      if (!right || !found?.account.enabled || !found.apopSecret) return refuse(folded, attempt, 'APOP refused')
      return welcome(found.account, attempt)
    },
  }
}
