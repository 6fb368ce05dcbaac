// What was thrown → what the client is told: NO or BAD, response code (RFC 3501 7.1, RFC 5530), sentence. The only such place.
import { RestanteError, type ErrorCode, type ErrorKind } from '@restante/core'
import { inLanguage, type Language } from './languages.js'
import { BadCommand } from './wire/reader.js'

export interface Reply {
  readonly status: 'OK' | 'NO' | 'BAD'
  /** Without brackets. */
  readonly code?: string
  readonly text: string
}

/** A command that was understood and cannot be done. For what core has no error code for. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  constructor(readonly code: string | undefined, text: string, readonly status: 'NO' | 'BAD' = 'NO') { super(text) }
}

const codes: Partial<Record<ErrorCode, string | ((details: Readonly<Record<string, unknown>>) => string)>> = {
  AUTHENTICATION_FAILED: 'AUTHENTICATIONFAILED',
  ACCOUNT_DISABLED: 'AUTHENTICATIONFAILED',
  OVER_QUOTA: 'OVERQUOTA',
  NOT_PERMITTED: 'NOPERM',
  RIGHTS_MISSING: 'NOPERM',
  MAILBOX_NOT_FOUND: 'NONEXISTENT',
  MAILBOX_GONE: 'NONEXISTENT',
  MAILBOX_EXISTS: 'ALREADYEXISTS',
  MAILBOX_HAS_CHILDREN: 'HASCHILDREN',
  MAILBOX_READ_ONLY: 'READ-ONLY',
  TOO_MANY_MAILBOXES: 'LIMIT',
  TOO_MANY_KEYWORDS: 'LIMIT',
  UID_EXHAUSTED: 'LIMIT',
  ANNOTATION_TOO_LARGE: (details) => `METADATA MAXSIZE ${Number(details.limit)}`,
  TOO_MANY_ANNOTATIONS: 'METADATA TOOMANY',
  MESSAGE_TOO_LARGE: 'TOOBIG',
  MESSAGE_NOT_FOUND: 'EXPUNGEISSUED',
}
const codeOfKind: Record<ErrorKind, string> = { client: 'CANNOT', permanent: 'CANNOT', temporary: 'UNAVAILABLE', bug: 'SERVERBUG' }

/** The reply to something thrown, or undefined for what nobody foresaw. With `target`, a missing mailbox could be created (RFC 3501 6.3.11). */
export function replyTo(error: unknown, options?: { readonly target?: boolean }): Reply | undefined {
  if (error instanceof BadCommand) return { status: 'BAD', text: error.message }
  if (error instanceof Refusal) return { status: error.status, code: error.code, text: error.message }
  if (!(error instanceof RestanteError) || error.kind === 'bug') return undefined
  const known = codes[error.code as ErrorCode] ?? codeOfKind[error.kind]
  const code = typeof known === 'string' ? known : known(error.details)
  return { status: 'NO', code: options?.target && error.code === 'MAILBOX_NOT_FOUND' ? 'TRYCREATE' : code, text: error.message }
}

/** `OK [CODE] text`, one line, seven bits but for what is ours in another language: error sentences may quote names that a peer chose. */
export function replyText(reply: Reply, language: Language = 'i-default'): string {
  const text = reply.text.slice(0, 500).replace(/[^\x20-\x7e]/g, '?')
  return `${reply.status} ${reply.code ? `[${reply.code}] ` : ''}${text === '' ? 'Done' : inLanguage(language, text)}`
}
