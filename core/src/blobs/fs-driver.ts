// Large octets as files in the data folder: written elsewhere, synced, renamed into place, directory synced.
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../errors/codes.js'
import type { BlobDriver } from './blob-store.js'
import { makeOpenFiles } from './open-files.js'

const chunk = 256 * 1024

/** @param folder is created when missing; must be on the same file system as the spool */
export function fsDriver(folder: string): BlobDriver {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Two levels of 256 would be empty most of the time; one keeps directories small enough for a million files.
  const files = makeOpenFiles()
  const pathOf = (ref: string): string => join(folder, ref.slice(0, 2), ref)

  return {
    name: 'fs',
    async keep(path) {
      const ref = randomBytes(16).toString('hex')
      const target = pathOf(ref)
      const directory = join(folder, ref.slice(0, 2))
      try {
        const created = await mkdir(directory, { recursive: true, mode: 0o700 })
        await synced(path)
        await rename(path, target)
        await synced(directory)
        if (created !== undefined) await synced(folder)
      } catch (error) {
        throw isNoRoom(error) ? failure('NO_ROOM', {}, error) : error
      }
      return ref
    },
    async *range(ref, from, length) {
      const path = pathOf(ref)
      for (let done = 0; done < length;) {
        const buffer = Buffer.allocUnsafe(Math.min(chunk, length - done))
        const filled = await files.read(path, buffer, from + done).catch((error: unknown) => {
          throw failure('CONTENT_UNAVAILABLE', {}, error)
        })
        if (filled < buffer.length) throw failure('CONTENT_UNAVAILABLE')
        done += filled
        yield buffer
      }
    },
    async remove(refs) {
      for (const ref of refs) {
        files.forget(pathOf(ref))
        await rm(pathOf(ref), { force: true })
      }
    },
    async *list() {
      for (const directory of await readdir(folder)) {
        const batch = []
        for (const ref of await readdir(join(folder, directory)).catch(() => [])) {
          const found = await stat(pathOf(ref)).catch(() => undefined)
          if (found) batch.push({ ref, ageMs: Date.now() - found.mtimeMs })
        }
        if (batch.length > 0) yield batch
      }
    },
  }
}

const isNoRoom = (error: unknown): boolean => ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
