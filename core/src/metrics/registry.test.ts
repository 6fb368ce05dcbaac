import { describe, expect, it } from 'vitest'
import { createMetrics } from './registry.js'

describe('metrics', () => {
  it('writes what Prometheus reads', () => {
    const metrics = createMetrics()
    metrics.counter('restante_sessions_total', 'Sessions taken.').add(2, { service: 'imap' })
    metrics.counter('restante_sessions_total', 'Sessions taken.').add(1, { service: 'a"b\\c\n' })
    metrics.gauge('restante_open', 'Open now.', () => 7)
    const seconds = metrics.histogram('restante_commit_seconds', 'Commits.', [0.1, 1])
    for (const value of [0.05, 0.5, 5]) seconds.observe(value)
    expect(metrics.text()).toBe(`# HELP restante_sessions_total Sessions taken.
# TYPE restante_sessions_total counter
restante_sessions_total{service="imap"} 2
restante_sessions_total{service="a\\"b\\\\c\\n"} 1
# HELP restante_open Open now.
# TYPE restante_open gauge
restante_open 7
# HELP restante_commit_seconds Commits.
# TYPE restante_commit_seconds histogram
restante_commit_seconds_bucket{le="0.1"} 1
restante_commit_seconds_bucket{le="1"} 2
restante_commit_seconds_bucket{le="+Inf"} 3
restante_commit_seconds_sum 5.55
restante_commit_seconds_count 3
`)
    expect(metrics.value('restante_sessions_total', { service: 'imap' })).toBe(2)
  })
  it('refuses one name for two kinds', () => {
    const metrics = createMetrics()
    metrics.counter('x', '')
    expect(() => metrics.gauge('x', '')).toThrow('metric x is a counter, not a gauge')
  })
})
