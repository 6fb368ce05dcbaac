// Questions to DNS servers, through node:dns. It keeps no answers.
import type { MxRecord, SrvRecord } from 'node:dns'
import { Resolver } from 'node:dns/promises'

export interface NameResolverOptions {
  /** '192.0.2.53', '[::1]:5353'; none: those of the system. */
  readonly servers?: readonly string[]
  /** Milliseconds that a server has for an answer; each question is asked so long twice. */
  readonly timeoutMs?: number
}

/** All throw what node:dns throws: an error with `code`. */
export interface NameResolver {
  /** @param type 'A', 'PTR', ... */
  resolve(name: string, type: string): Promise<unknown>
  a(name: string): Promise<string[]>
  aaaa(name: string): Promise<string[]>
  mx(name: string): Promise<MxRecord[]>
  srv(name: string): Promise<SrvRecord[]>
  txt(name: string): Promise<string[][]>
}

const tries = 2

export function makeNameResolver({ servers = [], timeoutMs = 5000 }: NameResolverOptions = {}): NameResolver {
  const resolver = new Resolver({ timeout: timeoutMs, tries })
  if (servers.length > 0) resolver.setServers(servers)
  /** c-ares gives a server that has been quick so far no more than five times of what it took, and at least 250 ms: a name that it must look up itself would have no answer. Hence again, until the time is really over. */
  const patient = async <T>(ask: () => Promise<T>): Promise<T> => {
    const end = performance.now() + tries * timeoutMs
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if ((error as { code?: string }).code !== 'ETIMEOUT' || performance.now() >= end) throw error
      }
    }
  }
  return {
    resolve: (name, type) => patient(() => resolver.resolve(name, type)),
    a: (name) => patient(() => resolver.resolve4(name)),
    aaaa: (name) => patient(() => resolver.resolve6(name)),
    mx: (name) => patient(() => resolver.resolveMx(name)),
    srv: (name) => patient(() => resolver.resolveSrv(name)),
    txt: (name) => patient(() => resolver.resolveTxt(name)),
  }
}
