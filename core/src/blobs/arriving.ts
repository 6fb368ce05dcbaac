// The octets of a message between its last octet and its commit: for policies that must look inside. Opened when first asked.
import { open, type FileHandle } from 'node:fs/promises'
import type { BlobStore, Prepared } from './blob-store.js'
import type { Spooled } from './contract.js'

export interface Arriving {
  /** At most `length` octets from `from`. */
  readonly read: (from: number, length: number) => Promise<Buffer>
  /** They lie where they will stay: the spool's file is gone. */
  kept(prepared: Prepared): void
  close(): Promise<void>
}

export function openArriving(spooled: Spooled, blobs: BlobStore): Arriving {
  let place: Prepared | undefined
  let file: Promise<FileHandle> | undefined
  const slice = (octets: Buffer, from: number, length: number): Buffer => octets.subarray(from, from + length)
  return {
    async read(from, length) {
      const { octets } = spooled
      if (Buffer.isBuffer(octets)) return slice(octets, from, length)
      if (place?.inline) return slice(place.inline, from, length)
      if (place?.ref) {
        const chunks: Buffer[] = []
        for await (const chunk of blobs.range(place.ref, from, Math.max(0, Math.min(length, spooled.size - from)))) chunks.push(chunk)
        return Buffer.concat(chunks)
      }
      const handle = await (file ??= open(octets.path, 'r'))
      const wanted = Buffer.alloc(Math.max(0, Math.min(length, spooled.size - from)))
      let at = 0
      while (at < wanted.length) {
        const { bytesRead } = await handle.read(wanted, at, wanted.length - at, from + at)
        if (bytesRead === 0) break
        at += bytesRead
      }
      return wanted.subarray(0, at)
    },
    kept(prepared) { place = prepared },
    async close() {
      const handle = await file?.catch(() => undefined)
      file = undefined
      await handle?.close()
    },
  }
}
