// Names as a test wants them: what DNS would say, changed while it runs. Errors look like those of node:dns.
import type { Dns, SrvRecord } from '../../core/dist/im2000/locate.js'

export type Zone = Record<string, readonly SrvRecord[] | readonly string[] | 'SERVFAIL' | 'NODATA'>

/** Answers from `zone`, which may be changed at any time: names as asked ('_RNASP._TCP.b.test', 'host.b.test'), in lower case. `asked` has all questions. */
export function fakeDns(zone: Zone): Dns & { readonly asked: string[] } {
  const asked: string[] = []
  const answer = (kind: string, name: string): readonly never[] => {
    asked.push(`${kind} ${name}`)
    const found = zone[name.toLowerCase()]
    if (found === undefined) throw Object.assign(new Error(`no such name ${name}`), { code: 'ENOTFOUND' })
    if (found === 'SERVFAIL') throw Object.assign(new Error(`no answer for ${name}`), { code: 'ESERVFAIL' })
    if (found === 'NODATA' || found.length === 0) throw Object.assign(new Error(`nothing for ${name}`), { code: 'ENODATA' })
    return found as readonly never[]
  }
  return {
    asked,
    srv: async (name) => answer('SRV', name),
    a: async (name) => answer('A', name),
    aaaa: async (name) => {
      asked.push(`AAAA ${name}`)
      throw Object.assign(new Error(`nothing for ${name}`), { code: 'ENODATA' })
    },
  }
}

/** The SRV record of a service at '127.0.0.1:port', with its target's address. */
export function publish(zone: Zone, service: string, domain: string, listener: string): void {
  const target = `host.${domain}`
  zone[target] = ['127.0.0.1']
  zone[`${service}._tcp.${domain}`.toLowerCase()] = [{ name: target, port: Number(listener.slice(listener.lastIndexOf(':') + 1)), priority: 0, weight: 0 }]
}
