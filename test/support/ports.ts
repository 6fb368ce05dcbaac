// Ports of this machine that nobody listens on, for servers that must be told their port or keep it over a restart. They lie
// below the range that the system takes outgoing connections from: one of those could hold the port by the time it is listened on.
import { createServer } from 'node:net'

const lowest = 10_000
const highest = 32_000 // Linux takes outgoing connections from 32768 on.
let next = lowest + Math.floor(Math.random() * (highest - lowest))

/** A port that was free a moment ago; not one that this process was given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    if (++next > highest) next = lowest
    const port = next
    const free = await new Promise<boolean>((done) => {
      const probe = createServer().once('error', () => done(false)).listen(port, '127.0.0.1', () => { probe.close(() => done(true)) })
    })
    if (free) return port
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}
