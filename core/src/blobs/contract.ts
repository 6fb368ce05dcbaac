// What faces see of octets: a spool to receive a message into, contents to read one from. Types only.
import type { MessageId } from '../base/branded.js'
import type { Summary } from '../message/summary.js'

/** A message being received: octets out, digest and summary beside, in one pass. Nothing persistent before it is handed on. */
export interface SpoolWriter {
  /** Octets so far. */
  readonly size: number
  /** Takes a chunk (which must not be changed afterwards). Wait for the promise when there is one: back-pressure. Throws MESSAGE_TOO_LARGE, NO_ROOM. */
  write(chunk: Buffer): Promise<void> | void
  /** The message is complete. */
  seal(): Promise<Spooled>
  /** Forget it. Harmless after seal was consumed. */
  discard(): Promise<void>
}

/** A complete message that waits to be stored. Whoever takes it must store or discard it. */
export interface Spooled {
  readonly size: number
  readonly summary: Summary
  /** In memory up to the spool's threshold (64 KiB by default); above it in a file in the data folder. */
  readonly octets: Buffer | { readonly path: string }
  discard(): Promise<void>
}

export interface Spool {
  /** @param expectedSize octets announced by the peer, if any: chooses memory or file and refuses early. @param prefix octets that come first (trace header). */
  open(options?: { expectedSize?: number; limit?: number }): SpoolWriter
}

/** The octets of one stored message. */
export interface Content {
  readonly message: MessageId
  readonly size: number
  /** The whole message, when it is small (kept in the database) and was read in one go. */
  readonly octets?: Buffer
  /** `length` octets from `from`, in chunks of at most 256 KiB. Throws CONTENT_UNAVAILABLE. */
  range(from: number, length: number): AsyncIterable<Buffer>
}

export interface Contents {
  /** Contents of many messages, in the order asked, read ahead in chunks (about 1 MiB, never a query per message). A message that is gone is left out. */
  readMany(messages: readonly MessageId[]): AsyncIterable<Content>
  /** One message. Throws MESSAGE_NOT_FOUND, CONTENT_UNAVAILABLE. */
  open(message: MessageId): Promise<Content>
}

declare module '../plugin/services.js' {
  interface Services { spool: Spool; contents: Contents }
}
