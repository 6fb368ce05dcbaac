// Numbers about the running gateway, by name and labels, as Prometheus reads them. Knows nothing of what they mean.

export type Labels = Readonly<Record<string, string | number>>

export interface Counter { add(n?: number, labels?: Labels): void }
export interface Gauge {
  set(value: number, labels?: Labels): void
  add(n: number, labels?: Labels): void
}
export interface Histogram { observe(value: number, labels?: Labels): void }

/** A name asked for twice is the same metric. Names are `restante_<what>_<unit>`; counters end in `_total`. */
export interface Metrics {
  /** @param read asked whenever the metrics are read, for a sum that somebody keeps already */
  counter(name: string, help: string, read?: () => number): Counter
  /** @param read asked whenever the metrics are read, for a number that somebody keeps already */
  gauge(name: string, help: string, read?: () => number): Gauge
  /** @param bounds upper bounds of the buckets, ascending; default: seconds from 1 ms to 10 s */
  histogram(name: string, help: string, bounds?: readonly number[]): Histogram
  /** Prometheus text exposition format 0.0.4. */
  text(): string
  /** The present value of a counter or gauge, 0 when it was never touched. */
  value(name: string, labels?: Labels): number
}

const secondBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Family { readonly type: 'counter' | 'gauge' | 'histogram'; readonly help: string; readonly single: Single | Buckets }

export function createMetrics(): Metrics {
  const families = new Map<string, Family>()
  function family<T extends Single | Buckets>(name: string, type: Family['type'], help: string, make: () => T): T {
    let known = families.get(name)
    if (!known) families.set(name, (known = { type, help, single: make() }))
    if (known.type !== type) throw new TypeError(`metric ${name} is a ${known.type}, not a ${type}`)
    return known.single as T
  }
  return {
    counter: (name, help, read) => family(name, 'counter', help, () => new Single(read)),
    gauge: (name, help, read) => family(name, 'gauge', help, () => new Single(read)),
    histogram: (name, help, bounds = secondBounds) => family(name, 'histogram', help, () => new Buckets(bounds)),
    text: () => [...families].map(([name, { type, help, single }]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${single.text(name)}`).join(''),
    value(name, labels) {
      const found = families.get(name)?.single
      return found instanceof Single ? found.value(labels) : 0
    },
  }
}

/** `{a="1",b="2"}`, or '' without labels. */
function labelText(labels: Labels | undefined, extra = ''): string {
  const parts = Object.entries(labels ?? {}).map(([key, value]) => `${key}="${String(value).replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
  if (extra) parts.push(extra)
  return parts.length ? `{${parts.join(',')}}` : ''
}

class Single implements Counter, Gauge {
  readonly #values = new Map<string, number>()
  constructor(private readonly read?: () => number) {}
  add(n = 1, labels?: Labels): void {
    const key = labels ? labelText(labels) : ''
    this.#values.set(key, (this.#values.get(key) ?? 0) + n)
  }
  set(value: number, labels?: Labels): void {
    this.#values.set(labelText(labels), value)
  }
  value(labels?: Labels): number {
    return this.read ? this.read() : (this.#values.get(labelText(labels)) ?? 0)
  }
  text(name: string): string {
    if (this.read) return `${name} ${this.read()}\n`
    return [...this.#values].map(([key, value]) => `${name}${key} ${value}\n`).join('')
  }
}

class Buckets implements Histogram {
  readonly #series = new Map<string, { labels: Labels | undefined; counts: number[]; sum: number; count: number }>()
  constructor(private readonly bounds: readonly number[]) {}
  observe(value: number, labels?: Labels): void {
    const key = labels ? labelText(labels) : ''
    let series = this.#series.get(key)
    if (!series) this.#series.set(key, (series = { labels, counts: this.bounds.map(() => 0), sum: 0, count: 0 }))
    const bucket = this.bounds.findIndex((bound) => value <= bound)
    if (bucket >= 0) series.counts[bucket]! += 1
    series.sum += value
    series.count += 1
  }
  text(name: string): string {
    let out = ''
    for (const { labels, counts, sum, count } of this.#series.values()) {
      let below = 0
      this.bounds.forEach((bound, i) => (out += `${name}_bucket${labelText(labels, `le="${bound}"`)} ${(below += counts[i]!)}\n`))
      out += `${name}_bucket${labelText(labels, 'le="+Inf"')} ${count}\n${name}_sum${labelText(labels)} ${sum}\n${name}_count${labelText(labels)} ${count}\n`
    }
    return out
  }
}

declare module '../plugin/services.js' {
  interface Services { metrics: Metrics }
}
