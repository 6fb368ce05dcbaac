// Options of commands that speak IM2000 as a client: where the service is, whose account, and the password.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'
import { failure, isFailure } from '../errors/codes.js'
import { MsoapClient } from '../im2000/client/msoap.js'
import type { Where } from '../im2000/session/client.js'
import { splitAddress } from '../net/addresses.js'
import { askKnownPassword } from './ask.js'

export interface PeerOptions { readonly tls?: boolean; readonly ca?: string; readonly passwordFile?: string }

/** 'host:port', for commander. */
export function hostAndPort(text: string): { host: string; port: number } {
  const found = splitAddress(text)
  if (!found?.host || found.port === 0) throw new InvalidArgumentError('accepted: host:port, for example mail.example.org:2701')
  return { host: found.host, port: found.port }
}

/** The agreed location says whether TLS is used (im2000.md B35); its certificate must match the host's name. */
export function whereOf({ host, port }: { host: string; port: number }, { tls, ca }: PeerOptions): Where {
  return { host, port, ...(tls || ca !== undefined ? { tls: { ...(isIP(host) ? {} : { servername: host }), ...(ca === undefined ? {} : { ca: read(ca) }) } } : {}) }
}

export interface StoreOptions extends PeerOptions { readonly store?: { host: string; port: number }; readonly account?: string }

/** A session with a store's MSOAP service, authenticated. Throws AUTHENTICATION_FAILED, NOT_PERMITTED for what the store refuses. */
export async function atStore<T>(options: StoreOptions, work: (client: MsoapClient) => Promise<T>): Promise<T> {
  const { store, account } = options
  if (!store || account === undefined) throw failure('CONFIG_INVALID', { report: '--store needs --account' })
  const password = await passwordOf(account, options)
  const client = await MsoapClient.connect(whereOf(store, options))
  try {
    await client.authenticate(account, password).catch((error: unknown) => {
      throw isFailure(error, 'PEER_REFUSED') ? failure('AUTHENTICATION_FAILED', {}, error) : error
    })
    return await work(client)
  } catch (error) {
    throw isFailure(error, 'PEER_REFUSED') ? failure('NOT_PERMITTED', { what: `this; the store says ${String(error.details.status)}` }, error) : error
  } finally {
    client.close()
  }
}

/** 32 hex digits. */
export function identifierOf(text: string): Buffer {
  if (!/^[0-9a-f]{32}$/i.test(text)) throw failure('NOT_PERMITTED', { what: 'this as an identifier; accepted: the 32 hex digits that send printed' })
  return Buffer.from(text, 'hex')
}

/** From the file, the terminal, or the first line of standard input. */
export async function passwordOf(account: string, { passwordFile }: PeerOptions): Promise<string> {
  return passwordFile === undefined ? askKnownPassword(`Password of ${account}`) : read(passwordFile).replace(/\r?\n[\s\S]*$/, '')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw failure('CONFIG_INVALID', { report: `${file}: cannot be read: ${(error as NodeJS.ErrnoException).code}` }, error)
  }
}

/** What a stranger wrote, without what steers a terminal or turns the direction of text (im2000.md H20). @param lines line ends and tabs stay */
export const harmless = (text: string, lines = false): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (sign) => (lines && /[\r\n\t]/.test(sign) ? sign : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`))
