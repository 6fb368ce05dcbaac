// What every blob driver must do, run per driver and database: octets kept, read by range, removed, listed with their age.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlobDriver } from '../../core/src/blobs/blob-store.js'
import { databaseDriver } from '../../core/src/blobs/database-driver.js'
import { fsDriver } from '../../core/src/blobs/fs-driver.js'
import { blobsMigrations } from '../../core/src/blobs/migrations.js'
import { makeSpool } from '../../core/src/blobs/spool.js'
import { migrate } from '../../core/src/database/migrator.js'
import { createScanner } from '../../core/src/message/scan.js'
import { databases, openDatabase } from '../support/databases.js'

async function read(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) {
    expect(chunk.length).toBeLessThanOrEqual(256 * 1024)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

function suite(name: string, open: (folder: string) => Promise<{ driver: BlobDriver; close(): Promise<void> }>): void {
  describe(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'restante-blobs-'))
    let opened: Awaited<ReturnType<typeof open>>
    beforeAll(async () => { opened = await open(folder) })
    afterAll(async () => {
      await opened.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const octets = Buffer.from(Array.from({ length: 700_001 }, (_, i) => (i * 7 + (i >> 8)) & 255))
    const keep = (content: Buffer): Promise<string> => {
      const path = join(folder, `in-${Math.random()}`)
      writeFileSync(path, content)
      return opened.driver.keep(path, content.length)
    }

    it('keeps octets and takes the spooled file away', async () => {
      const ref = await keep(octets)
      expect((await read(opened.driver.range(ref, 0, octets.length))).equals(octets)).toBe(true)
      expect(readdirSync(folder).filter((file) => file.startsWith('in-'))).toEqual([])
    })
    it.each([[0, 1], [1, 10], [262_143, 3], [262_144, 262_144], [700_000, 1], [5, 600_000]])('reads %i+%i', async (from, length) => {
      const ref = await keep(octets)
      expect((await read(opened.driver.range(ref, from, length))).equals(octets.subarray(from, from + length))).toBe(true)
    })
    it('says when octets are gone, or fewer than asked for', async () => {
      const ref = await keep(octets.subarray(0, 100))
      await expect(read(opened.driver.range(ref, 50, 100))).rejects.toMatchObject({ code: 'CONTENT_UNAVAILABLE' })
      await opened.driver.remove([ref])
      await opened.driver.remove([ref])
      await expect(read(opened.driver.range(ref, 0, 1))).rejects.toMatchObject({ code: 'CONTENT_UNAVAILABLE' })
    })
    it('lists what it keeps, with its age', async () => {
      const ref = await keep(Buffer.from('x'))
      const listed = new Map<string, number>()
      for await (const batch of opened.driver.list()) for (const { ref: name, ageMs } of batch) listed.set(name, ageMs)
      expect(listed.get(ref)).toBeGreaterThanOrEqual(-1)
      expect(listed.get(ref)).toBeLessThan(60_000)
    })
  })
}

suite('fs', async (folder) => ({ driver: fsDriver(join(folder, 'blobs')), close: async () => undefined }))
for (const kind of databases) {
  suite(`database on ${kind}`, async () => {
    const opened = await openDatabase(kind)
    await migrate(opened.database, blobsMigrations)
    return { driver: databaseDriver(opened.database), close: opened.close }
  })
}

describe('the spool', () => {
  const folder = mkdtempSync(join(tmpdir(), 'restante-spool-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const spool = makeSpool({ folder, memoryLimit: 1000, messageLimit: 100_000, scanner: () => createScanner() })

  it('keeps small messages in memory and large ones in a file, the same octets either way', async () => {
    for (const size of [0, 1, 1000, 1001, 50_000]) {
      const writer = spool.open()
      for (let left = size; left > 0; left -= 777) await writer.write(Buffer.alloc(Math.min(left, 777), 65))
      const spooled = await writer.seal()
      expect([spooled.size, spooled.summary.size]).toEqual([size, size])
      expect(Buffer.isBuffer(spooled.octets)).toBe(size <= 1000)
      await spooled.discard()
    }
    expect(readdirSync(folder)).toEqual([])
  })
  it('refuses what is too large, announced or not, and leaves nothing', async () => {
    expect(() => spool.open({ expectedSize: 100_001 })).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }))
    const writer = spool.open()
    await writer.write(Buffer.alloc(99_999))
    expect(() => writer.write(Buffer.alloc(2))).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }))
    await writer.discard()
    expect(readdirSync(folder)).toEqual([])
  })
  it('removes at start what a crash left', async () => {
    writeFileSync(join(folder, 'left'), 'x')
    await spool.sweep()
    expect(readdirSync(folder)).toEqual([])
  })
})
