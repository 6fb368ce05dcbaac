// LOGIN-REFERRALS (RFC 2221): accounts that have moved are told where, by configuration.
import { Refusal } from '../replies.js'
import { fits, type Session } from '../session/session.js'

/** Where a login name has moved to, as a response code; undefined when it is at home here. */
export function referral({ face: { config } }: Pick<Session, 'face'>, name: string): { readonly code: string; readonly stay: boolean } | undefined {
  const found = config.referrals.find(({ accounts }) => accounts.some((pattern) => fits(pattern, name)))
  // RFC 5092: what is no letter or digit of a user's name is written as %XX; the name is a stranger's.
  const user = encodeURIComponent(name).replace(/[!'()*]/g, (other) => `%${other.charCodeAt(0).toString(16).toUpperCase()}`)
  return found && { code: `REFERRAL ${found.url.replace(/^(imaps?:\/\/)\*(?=[;@])/i, (_, scheme: string) => scheme + user)}`, stay: found.stay }
}

/** Throws the referral of whoever may not log in here any more. Whether there is such an account, and its password, is nobody's business then. */
export function mustBeAtHome(session: Session, name: string): void {
  const moved = referral(session, name)
  if (moved && !moved.stay) throw new Refusal(moved.code, 'The account is at another server now')
}
