// Asking the person at the terminal: passwords without echo, and yes before anything is destroyed.
import { createInterface } from 'node:readline'
import { failure } from '../errors/codes.js'

/** A password from the terminal (twice, not shown) or, when standard input is no terminal, its first line. Never from argv. */
export async function askPassword(question: string): Promise<string> {
  if (!process.stdin.isTTY) return firstLine()
  const first = await hidden(`${question}: `)
  const second = await hidden('Again: ')
  if (first !== second) throw failure('NOT_PERMITTED', { what: 'the two passwords differ' })
  return checked(first)
}

/** A password that exists already: asked for once. */
export const askKnownPassword = async (question: string): Promise<string> => (process.stdin.isTTY ? checked(await hidden(`${question}: `)) : firstLine())

/** Whether to go on. `--yes` answers for scripts; without a terminal and without it the answer is no. */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) throw failure('NOT_PERMITTED', { what: 'this without --yes, as nobody can be asked' })
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await new Promise<string>((done) => { lines.question(`${question} [y/N] `, done) })
  lines.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw failure('NOT_PERMITTED', { what: 'this; nothing was changed' })
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) {
    lines.close()
    return checked(line)
  }
  throw failure('NOT_PERMITTED', { what: 'an empty password; give it on standard input' })
}

const checked = (password: string): string => {
  if (password.length === 0) throw failure('NOT_PERMITTED', { what: 'an empty password' })
  if (Buffer.byteLength(password) > 1024) throw failure('NOT_PERMITTED', { what: 'a password longer than 1024 octets' })
  return password
}

function hidden(question: string): Promise<string> {
  process.stderr.write(question)
  process.stdin.setRawMode(true)
  process.stdin.resume()
  return new Promise((done, refuse) => {
    let text = ''
    const finish = (): void => {
      process.stdin.off('data', take)
      process.stdin.setRawMode(false)
      process.stdin.pause()
      process.stderr.write('\n')
    }
    const take = (chunk: Buffer): void => {
      for (const character of chunk.toString('utf8')) {
        if (character === '\r' || character === '\n') {
          finish()
          done(text)
          return
        }
        if (character === '\u0003') {
          finish()
          refuse(failure('NOT_PERMITTED', { what: 'this; interrupted' }))
          return
        }
        text = character === '\u007f' ? text.slice(0, -1) : text + character
      }
    }
    process.stdin.on('data', take)
  })
}
