// The data folder: made when missing, owned by one running gateway at a time.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import sqlite3 from 'sqlite3'
import { failure } from './errors/codes.js'

export interface DataFolder {
  /** Absolute. */
  readonly path: string
  release(): Promise<void>
}

/**
 * Makes the folder (only its owner may look into it) and takes its lock. The lock is the operating system's, held through
 * SQLite on a file of its own, so that it ends with the process, however that ends. Throws DATA_FOLDER_LOCKED, DATA_FOLDER_UNUSABLE.
 */
export async function ownDataFolder(folder: string): Promise<DataFolder> {
  const path = resolve(folder)
  const pidFile = join(path, 'gateway.pid')
  const unusable = (error: unknown): never => { throw failure('DATA_FOLDER_UNUSABLE', { folder: path, why: (error as Error).message }, error) }
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    unusable(error)
  }
  const lock = await openLock(join(path, 'gateway.lock')).catch(unusable)
  try {
    await execute(lock, 'PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS owner (pid INTEGER); COMMIT;')
  } catch (error) {
    await close(lock)
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') unusable(error)
    throw failure('DATA_FOLDER_LOCKED', { folder: path, pid: runningPid(path) ?? 'unknown' }, error)
  }
  try {
    writeFileSync(pidFile, `${process.pid}\n`)
  } catch {
    // The lock counts; the number is only for people. On a full disk the gateway must start, or nobody could make room.
    rmSync(pidFile, { force: true })
  }
  return {
    path,
    async release() {
      rmSync(pidFile, { force: true })
      await close(lock)
    },
  }
}

/** Process number that the folder's owner wrote down, if it is there. */
export function runningPid(folder: string): number | undefined {
  try {
    return Number(readFileSync(join(folder, 'gateway.pid'), 'utf8')) || undefined
  } catch {
    return undefined
  }
}

const openLock = (file: string): Promise<sqlite3.Database> => new Promise((done, refuse) => {
  const database = new sqlite3.Database(file, (error) => { if (error) refuse(error); else done(database) })
})
const execute = (database: sqlite3.Database, sql: string): Promise<void> => new Promise((done, refuse) => { database.exec(sql, (error) => { if (error) refuse(error); else done() }) })
const close = (database: sqlite3.Database): Promise<void> => new Promise((done) => { database.close(() => done()) })
