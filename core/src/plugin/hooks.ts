// The hooks and their three kinds. What may be asked, what must follow, what may be missed; there is no fourth kind.
import type { Millis } from '../base/branded.js'

/** Asked before a write, in YAML order; the first answer wins. `undefined` means "no opinion". */
export interface Decision<Question, Answer> { readonly kind: 'decision'; readonly question: Question; readonly answer: Answer }
/**
 * A job row in the same commit: at least once, retried, survives a crash. Whoever takes it on may say `wants`: asked before the
 * write, it saves the row where there will be nothing to do.
 */
export interface Duty<Fact, Prospect = Fact> { readonly kind: 'duty'; readonly fact: Fact; readonly prospect: Prospect }
/** After the commit; may be lost; cannot fail the teller. */
export interface Signal<Fact> { readonly kind: 'signal'; readonly fact: Fact }

/** Each core part adds its hooks by declaration merging on this module. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Hooks {}
export type HookName = keyof Hooks

/** What a plugin gives for a hook. */
export type Handler<H> =
  H extends Decision<infer Q, infer A> ? (question: Q, signal: AbortSignal) => Promise<A | undefined> | A | undefined :
  H extends Duty<infer F, infer P> ? ((fact: F) => Promise<void>) | { wants(prospect: P): Promise<boolean> | boolean; perform(fact: F): Promise<void> } :
  H extends Signal<infer F> ? (fact: F) => void : never

/** Where mail is asked about. A guard that fails answers "try again later"; a sorter that fails lets the default road be taken. */
export interface HookTimes { readonly decisionMs: Millis }

type NamesOf<Kind> = { [N in HookName]: Hooks[N] extends { readonly kind: Kind } ? N : never }[HookName]
export type DecisionName = NamesOf<'decision'>
export type DutyName = NamesOf<'duty'>
export type SignalName = NamesOf<'signal'>
export type QuestionOf<N extends DecisionName> = Hooks[N] extends Decision<infer Q, any> ? Q : never
export type AnswerOf<N extends DecisionName> = Hooks[N] extends Decision<any, infer A> ? A : never
export type FactOf<N extends DutyName | SignalName> = Hooks[N] extends Duty<infer F, any> | Signal<infer F> ? F : never
export type ProspectOf<N extends DutyName> = Hooks[N] extends Duty<any, infer P> ? P : never

/** What a duty becomes in the caller's commit: a job row with this in it. The fact must survive JSON. */
export interface DutyJob { readonly hook: DutyName; readonly plugin: string; readonly fact: unknown }

/** How core parts and faces reach whoever has given a hook. */
export interface HookRuntime {
  /** Whether anyone gave this hook; saves building a question. */
  given(name: HookName): boolean
  /**
   * Asks in YAML order; the first answer wins. A handler that throws or takes too long is logged with its plugin's name and
   * `onFailure` is the answer at once (a guard: "try again later"); without `onFailure` it is passed over (a sorter: the
   * default road).
   */
  ask<N extends DecisionName>(name: N, question: QuestionOf<N>, onFailure?: AnswerOf<N>): Promise<AnswerOf<N> | undefined>
  /** Asks everyone in YAML order and answers all opinions; one that is `final` ends the questions. Handlers that fail or take too long are passed over. */
  askAll<N extends DecisionName>(name: N, question: QuestionOf<N>, final: (answer: AnswerOf<N>) => boolean): Promise<readonly AnswerOf<N>[]>
  /** Whether this plugin has taken on this duty. */
  does(name: DutyName, plugin: string): boolean
  /** Plugins that will want a job for this; asked before the write. The caller puts a `DutyJob` for each into its own commit. */
  owing<N extends DutyName>(name: N, prospect: ProspectOf<N>): Promise<readonly string[]>
  /** Does what was owed; for the job runner, which retries when it rejects. A plugin that is switched off meanwhile owes nothing. */
  perform(job: DutyJob): Promise<void>
  /** Fire and forget: handlers cannot fail the teller, nor delay it. */
  tell<N extends SignalName>(name: N, fact: FactOf<N>): void
}

declare module './services.js' {
  interface Services { hooks: HookRuntime }
}
