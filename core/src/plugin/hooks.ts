// The hooks and their three kinds. What may be asked, what must follow, what may be missed; there is no fourth kind.
import type { Millis } from '../base/branded.js'

/** Asked before a write, in YAML order; the first answer wins. `undefined` means "no opinion". */
export interface Decision<Question, Answer> { readonly kind: 'decision'; readonly question: Question; readonly answer: Answer }
/** A job row in the same commit: at least once, retried, survives a crash. */
export interface Duty<Fact> { readonly kind: 'duty'; readonly fact: Fact }
/** After the commit; may be lost; cannot fail the teller. */
export interface Signal<Fact> { readonly kind: 'signal'; readonly fact: Fact }

/** Each core part adds its hooks by declaration merging on this module. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Hooks {}
export type HookName = keyof Hooks

/** What a plugin gives for a hook. */
export type Handler<H> =
  H extends Decision<infer Q, infer A> ? (question: Q, signal: AbortSignal) => Promise<A | undefined> | A | undefined :
  H extends Duty<infer F> ? (fact: F) => Promise<void> :
  H extends Signal<infer F> ? (fact: F) => void : never

/** Where mail is asked about. A guard that fails answers "try again later"; a sorter that fails lets the default road be taken. */
export interface HookTimes { readonly decisionMs: Millis }
