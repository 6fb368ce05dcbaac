// The Authenticate command of MSOAP and RNAQP (im2000.md B5, B36, B37): one pair, the same for both but for their numbers.
import type { Authenticator } from '../../accounts/contract.js'
import { isFailure } from '../../errors/codes.js'
import { abort, ok, type Reply, type SessionView } from './transaction.js'

export interface AuthenticationRules<S extends string> {
  readonly authenticator: Authenticator
  /** 'msoap' or 'rnaqp': for throttling and logs. */
  readonly service: string
  /** Whether a password is taken from a peer elsewhere without TLS. */
  readonly clearText: boolean
  /** Failures after which the session ends. */
  readonly failures: number
  /** The protocol's word where clear text is not taken. */
  readonly inClear: S
}

export const authenticate = <S extends string>(rules: AuthenticationRules<S>) => async (session: SessionView<any>, { account, password }: { account: string; password: string }): Promise<Reply<any>> => {
  const { connection } = session
  if (!connection.secure && !connection.loopback && !rules.clearText) return abort(rules.inClear)
  try {
    session.account = await rules.authenticator.password(account, password, { service: rules.service, remoteAddress: connection.remoteAddress })
    return ok({ kind: 'authenticate', value: {} })
  } catch (error) {
    // Unknown, wrong, disabled, throttled: one answer, and the authenticator took its time for it.
    if (!isFailure(error, 'AUTHENTICATION_FAILED') && !isFailure(error, 'AUTHENTICATION_THROTTLED')) throw error
    const last = ++session.failures >= rules.failures
    return { ...abort('errornotauthenticated'), ...(last ? { close: true as const } : {}) }
  }
}
