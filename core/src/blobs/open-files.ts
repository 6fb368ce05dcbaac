// Files that are being read stay open for a moment: whoever reads a message window by window comes back for the same file. Few
// of them, and none for long. Numbers instead of FileHandles: nobody has to close this cache for the collector's sake.
import { close, open, read } from 'node:fs'
import { promisify } from 'node:util'

interface Opened {
  readonly descriptor: Promise<number>
  users: number
  usedAt: number
  forgotten: boolean
}
export interface OpenFiles {
  /** Fills as much of `target` as the file has from `position`; answers how much. Throws what opening and reading throw. */
  read(path: string, target: Buffer, position: number): Promise<number>
  /** The file was removed. */
  forget(path: string): void
}

const openFile = promisify(open)
const readFile = promisify(read)
const closeFile = (descriptor: number): void => close(descriptor, () => undefined)

/** @param most files kept open that nobody reads just now @param idleMs how long */
export function makeOpenFiles({ most = 32, idleMs = 2000 }: { readonly most?: number; readonly idleMs?: number } = {}): OpenFiles {
  /** Least recently used first. */
  const files = new Map<string, Opened>()
  let timer: NodeJS.Timeout | undefined

  const end = (path: string, file: Opened): void => {
    if (files.get(path) === file) files.delete(path)
    file.forgotten = true
    if (file.users === 0) file.descriptor.then(closeFile, () => undefined)
  }
  const sweep = (): void => {
    timer = undefined
    const before = performance.now() - idleMs
    for (const [path, file] of [...files]) if (file.users === 0 && file.usedAt <= before) end(path, file)
    if (files.size > 0) later()
  }
  const later = (): void => {
    timer ??= setTimeout(sweep, idleMs)
    timer.unref()
  }
  const done = (path: string, file: Opened): void => {
    file.usedAt = performance.now()
    if (--file.users > 0) return
    if (file.forgotten) return end(path, file)
    for (const [other, one] of files) {
      if (files.size <= most) break
      if (one.users === 0) end(other, one)
    }
    later()
  }

  return {
    async read(path, target, position) {
      const known = files.get(path)
      const file = known ?? { descriptor: openFile(path, 'r'), users: 0, usedAt: 0, forgotten: false }
      file.users++
      files.delete(path)
      files.set(path, file)
      try {
        const descriptor = await file.descriptor
        let filled = 0
        while (filled < target.length) {
          const { bytesRead } = await readFile(descriptor, target, filled, target.length - filled, position + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return filled
      } catch (error) {
        file.forgotten = true
        if (files.get(path) === file) files.delete(path)
        throw error
      } finally {
        done(path, file)
      }
    },
    forget(path) {
      const file = files.get(path)
      if (file) end(path, file)
    },
  }
}
