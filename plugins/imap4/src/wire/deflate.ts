// COMPRESS=DEFLATE (RFC 4978): a socket seen through raw deflate in both directions. What the peer sends unfolds only as fast as it
// is read, so a bomb costs what its commands would have cost uncompressed. About 125 KiB a session (measured, idle).
import type { Socket } from 'node:net'
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'

/** A smaller window than the peer's: replies repeat themselves at short distance. */
const ours = { windowBits: 13, memLevel: 7, level: 3, flush: constants.Z_SYNC_FLUSH } as const

export interface Compressed { readonly input: InflateRaw; readonly output: DeflateRaw }

/** @param broken told when what comes is no deflate */
export function compress(socket: Socket, broken: () => void): Compressed {
  const input = createInflateRaw({ chunkSize: 16_384 })
  const output = createDeflateRaw(ours)
  input.on('error', broken)
  output.on('error', broken)
  output.pipe(socket)
  socket.pipe(input)
  socket.on('close', () => {
    input.destroy()
    output.destroy()
  })
  return { input, output }
}
