// Per-session transcripts, as Internet Exchange 4 had them: the last lines of a session, in a file when something went
// wrong in it ('on-error') or always ('all'). Passwords are masked here; message text never gets here (faces write a
// note of its size instead). Bounded: a ring per session, a number of files.
import { mkdir, readdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.js'
import type { Log } from '../log/logger.js'
import type { Transcript } from './contract.js'

export interface SessionTranscript extends Transcript {
  /** The session is over: writes the file if it is to be kept. */
  close(): Promise<void>
}

export interface Transcripts {
  open(service: string, id: string, peer: string): SessionTranscript
}

const nothing: SessionTranscript = { client: () => undefined, server: () => undefined, trouble: () => undefined, close: async () => undefined }
/** Longer lines are cut; nobody reads a 64 KiB message set. */
const maxLine = 1000

export interface TranscriptOptions {
  readonly mode: 'off' | 'on-error' | 'all'
  readonly folder: string
  /** Kept per session. */
  readonly octets: number
  /** Kept in the folder. */
  readonly files: number
  readonly clock: Clock
  readonly log: Log
}

export function createTranscripts({ mode, folder, octets, files, clock, log }: TranscriptOptions): Transcripts {
  if (mode === 'off') return { open: () => nothing }
  let written = 0

  async function keep(name: string, text: string): Promise<void> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(join(folder, name), text, { mode: 0o600 })
      if (written++ % 20 === 0) await prune()
    } catch (error) {
      log.warn({ err: error }, 'a transcript could not be written')
    }
  }
  async function prune(): Promise<void> {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.txt')).sort()
    await Promise.all(names.slice(0, Math.max(0, names.length - files)).map((name) => unlink(join(folder, name)).catch(() => undefined)))
  }

  return {
    open(service, id, peer) {
      const began = clock.now()
      const lines: string[] = []
      const mask = createMask()
      let size = 0
      let dropped = 0
      let troubles = 0
      const add = (mark: string, line: string): void => {
        const text = `${((clock.now() - began) / 1000).toFixed(3).padStart(9)} ${mark} ${line.length > maxLine ? `${line.slice(0, maxLine)}… (${line.length} characters)` : line}`
        lines.push(text)
        size += text.length
        while (size > octets && lines.length > 1) {
          size -= lines.shift()!.length
          dropped++
        }
      }
      return {
        client: (line) => add('C:', mask.client(line)),
        server: (line) => add('S:', mask.server(line)),
        trouble(why) {
          troubles++
          add('!!', why)
        },
        async close() {
          if (mode === 'on-error' && troubles === 0) return
          const when = new Date(began).toISOString()
          const head = `${service} session ${id} with ${peer}, begun ${when}\n${dropped ? `(${dropped} earlier lines left out)\n` : ''}`
          await keep(`${when.replace(/[:.]/g, '-')}-${service}-${id}.txt`, `${head}${lines.join('\n')}\n`)
        },
      }
    },
  }
}

const hidden = '***'

/** Masks what follows a command that carries a secret: on its own line, and on the lines of its conversation. */
export function createMask(): { client(line: string): string; server(line: string): string } {
  /** A command with secrets is going on ... */
  let secretive = false
  /** ... and the peer's next line belongs to it: the server asked for it, or a literal is under way. */
  let continued = false
  return {
    client(line) {
      const more = /\{\d+\+\}$/.test(line)
      if (secretive && continued) {
        continued = more
        return line === '*' ? line : hidden
      }
      const words = line.split(' ')
      const at = words.findIndex((word, i) => i < 2 && /^(LOGIN|PASS|APOP|AUTH|AUTHENTICATE)$/i.test(word))
      secretive = at >= 0
      continued = secretive && more
      if (!secretive) return line
      // The mechanism of AUTH is no secret.
      const shown = at + (/^AUTH/i.test(words[at]!) ? 2 : 1)
      return words.slice(0, shown).join(' ') + (words.length > shown ? ` ${hidden}` : '')
    },
    server(line) {
      const asks = /^(\+( |$)|334)/.test(line)
      if (secretive && asks) {
        continued = true
        return line.replace(/^(\+|334) .+$/s, `$1 ${hidden}`)
      }
      if (!line.startsWith('*')) secretive = false
      return line
    },
  }
}
