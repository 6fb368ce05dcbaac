// In which order plugins are set up: whoever provides a service stands before whoever requires it. Pure.
import { failure } from '../errors/codes.js'

export interface Ordered {
  readonly name: string
  readonly requires: readonly string[]
  readonly provides: readonly string[]
}

/**
 * Keeps the given (YAML) order wherever requirements leave the choice.
 * @param core services that the core provides
 * @throws PLUGIN_INVALID for a missing service, a service with two providers, a cycle; both sides are named
 */
export function inOrder<P extends Ordered>(plugins: readonly P[], core: ReadonlySet<string>): P[] {
  const providers = new Map<string, P>()
  for (const plugin of plugins)
    for (const service of plugin.provides) {
      if (core.has(service)) throw failure('PLUGIN_INVALID', { plugin: plugin.name, why: `provides "${service}", which the core provides already` })
      const other = providers.get(service)
      if (other) throw failure('PLUGIN_INVALID', { plugin: plugin.name, why: `provides "${service}", which plugin ${other.name} provides too; disable one of them` })
      providers.set(service, plugin)
    }
  const done: P[] = []
  const visiting: P[] = []
  const visit = (plugin: P): void => {
    if (done.includes(plugin)) return
    if (visiting.includes(plugin)) {
      const circle = [...visiting.slice(visiting.indexOf(plugin)), plugin].map(({ name }) => name).join(' -> ')
      throw failure('PLUGIN_INVALID', { plugin: plugin.name, why: `requires itself in a circle: ${circle}` })
    }
    visiting.push(plugin)
    for (const service of plugin.requires) {
      if (core.has(service)) continue
      const provider = providers.get(service)
      if (!provider) throw failure('PLUGIN_INVALID', { plugin: plugin.name, why: `requires "${service}", which neither the core nor an enabled plugin provides` })
      visit(provider)
    }
    visiting.pop()
    done.push(plugin)
  }
  for (const plugin of plugins) visit(plugin)
  return done
}

/** Which of `plugins` (ordered) use what `plugin` provides. */
export function dependents<P extends Ordered>(plugin: P, plugins: readonly P[]): P[] {
  return plugins.filter(({ requires }) => requires.some((service) => plugin.provides.includes(service)))
}
