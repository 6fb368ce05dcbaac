// MESSAGELIMIT and SAVELIMIT (RFC 9738), where configured: how many messages one command may be about. What need not be whole is
// done for the last messages only, and the client is told how far it came; what must be whole is refused.
import type { Uid } from '@restante/core'
import type { Done } from '../commands/command.js'
import { Refusal } from '../replies.js'
import type { Session } from './session.js'

type Limits = { readonly face: { readonly config: Pick<Session['face']['config'], 'messageLimit' | 'saveLimit'> } }

/** As it is advertised. */
export function limitCapability({ face: { config: { messageLimit, saveLimit } } }: Limits): readonly string[] {
  return messageLimit > 0 ? [`MESSAGELIMIT=${messageLimit}`] : saveLimit > 0 ? [`SAVELIMIT=${saveLimit}`] : []
}

/** What there is room for in one COPY or APPEND; Infinity without a limit. */
export const mostSaved = ({ face: { config: { messageLimit, saveLimit } } }: Limits): number => messageLimit || saveLimit || Infinity

/** @param uids ascending; the last of them are left. `code` when that is not all of them. */
export function limited({ face: { config: { messageLimit } } }: Limits, uids: readonly Uid[]): { readonly uids: readonly Uid[]; readonly code: string | undefined } {
  if (messageLimit === 0 || uids.length <= messageLimit) return { uids, code: undefined }
  const last = uids.slice(-messageLimit)
  return { uids: last, code: `MESSAGELIMIT ${messageLimit} ${last[0]}` }
}

/** Throws when a command that is done as a whole or not at all is about too many. */
export function mustFit(uids: readonly Uid[], most: number, what: string): void {
  if (uids.length > most) throw new Refusal(`MESSAGELIMIT ${most} ${uids[uids.length - most]}`, `Too many messages to ${what}, try a smaller subset`)
}

/** The end of a command that may have been limited. A reply has one code: where it has another, this one is told before. */
export function withLimit({ say, face: { config } }: Session, done: Done, code: string | undefined): Done {
  if (code === undefined) return done
  const text = `Completed for the last ${config.messageLimit} messages`
  if (done.code === undefined) return { ...done, code, text }
  say.line(`* NO [${code}] ${text}`)
  return done
}
