// Files that stay open for a moment: few, not for long, and never the wrong one.
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { makeOpenFiles } from './open-files.js'

const folder = mkdtempSync(join(tmpdir(), 'restante-open-'))
const file = (name: string, content = name): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const readAll = async (files: ReturnType<typeof makeOpenFiles>, path: string, from = 0): Promise<string> => {
  const target = Buffer.alloc(20)
  return target.toString('latin1', 0, await files.read(path, target, from))
}
/** How many descriptors of this process lead into the folder. */
const descriptors = (): number => readdirSync('/proc/self/fd').filter((fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
  } catch {
    return false
  }
}).length
const until = async (count: number): Promise<void> => { while (descriptors() !== count) await setImmediate() }

afterEach(() => { vi.useRealTimers() })

it('keeps as many as it may, the last used ones, and closes them when nobody has come for a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const files = makeOpenFiles({ most: 2, idleMs: 1000 })
  const [a, b, c] = ['a', 'b', 'c'].map((name) => file(name))
  for (const path of [a, b, a, c]) await readAll(files, path)
  await until(2)
  vi.advanceTimersByTime(500)
  expect(await readAll(files, a)).toBe('a')
  vi.advanceTimersByTime(600)
  await until(1)
  vi.advanceTimersByTime(2000)
  await until(0)
})
it('many readers of more files than it keeps all get theirs, at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const files = makeOpenFiles({ most: 2 })
  const paths = Array.from({ length: 10 }, (_, i) => file(`many${i}`))
  const got = await Promise.all([...paths, ...paths].map((path) => readAll(files, path)))
  expect(got).toEqual([...paths, ...paths].map((path) => path.slice(folder.length + 1)))
  await until(2)
  vi.advanceTimersByTime(10_000)
  await until(0)
})
it('a file that was removed and written anew is opened anew; one that is missing is asked for anew', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const files = makeOpenFiles()
  const path = file('again', 'old')
  expect(await readAll(files, path)).toBe('old')
  files.forget(path)
  rmSync(path)
  await expect(readAll(files, path)).rejects.toMatchObject({ code: 'ENOENT' })
  file('again', 'new')
  expect(await readAll(files, path, 1)).toBe('ew')
  files.forget(path)
  await until(0)
})
