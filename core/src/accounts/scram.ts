// SCRAM-SHA-256, the server's side of one conversation (RFC 5802 section 5, RFC 7677). Pure but for the look-up it is given.
import { timingSafeEqual } from 'node:crypto'
import type { Random } from '../base/random.js'
import { hash, hmac, type Credentials } from './credentials.js'

/** Why a conversation failed is for the log only; the peer is told one thing. */
export class ScramRefusal extends Error {}

export class ScramServer {
  #bare = ''
  #serverFirst = ''
  #nonce = ''
  #gs2 = ''
  #credentials: Credentials | undefined
  name = ''

  /** @param binding what was offered with -PLUS, and whether the client took it */
  constructor(readonly random: Random, readonly binding?: { readonly octets: Buffer; readonly chosen: boolean }) {}

  /** client-first-message → server-first-message. `find` answers made-up credentials for names that do not exist. */
  async first(message: string, find: (name: string) => Promise<Credentials>): Promise<string> {
    if (message.length > 4096) throw new ScramRefusal('message too long')
    // gs2-header: 'n' no channel binding; 'y' the client could, and believes that we cannot; 'p=' it does (RFC 5802 6).
    const match = /^((n|y|p=[A-Za-z0-9.-]+),(?:a=([^,]*))?,)((?:m=[^,]*,)?n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(message)
    if (!match || match[4].startsWith('m=')) throw new ScramRefusal('malformed client-first-message')
    const [, gs2, flag, authzid, bare, name, nonce] = match
    this.name = decodeName(name)
    if (flag === 'y' && this.binding) throw new ScramRefusal('somebody hid our channel binding from the client')
    if (flag.startsWith('p=') !== (this.binding?.chosen ?? false)) throw new ScramRefusal('channel binding without -PLUS, or the other way round')
    if (flag.startsWith('p=') && flag !== 'p=tls-exporter') throw new ScramRefusal('unknown channel binding')
    if (authzid !== undefined && decodeName(authzid) !== this.name) throw new ScramRefusal('authorization identity differs')
    this.#credentials = await find(this.name)
    this.#gs2 = gs2
    this.#bare = bare
    this.#nonce = nonce + Buffer.from(this.random.octets(18)).toString('base64')
    this.#serverFirst = `r=${this.#nonce},s=${this.#credentials.salt.toString('base64')},i=${this.#credentials.iterations}`
    return this.#serverFirst
  }

  /** client-final-message → server-final-message; throws ScramRefusal. */
  final(message: string): string {
    const match = /^(c=([\w+/=]+),r=([^,]+)(?:,[^,]*)*),p=([\w+/=]+)$/s.exec(message)
    if (!match || !this.#credentials || message.length > 4096) throw new ScramRefusal('malformed client-final-message')
    const [, withoutProof, binding, nonce, proofText] = match
    if (!Buffer.from(binding, 'base64').equals(Buffer.concat([Buffer.from(this.#gs2), ...(this.binding?.chosen ? [this.binding.octets] : [])]))) throw new ScramRefusal('channel binding differs')
    if (nonce !== this.#nonce) throw new ScramRefusal('nonce differs')
    const proof = Buffer.from(proofText, 'base64')
    const authMessage = `${this.#bare},${this.#serverFirst},${withoutProof}`
    const signature = hmac(this.#credentials.storedKey, authMessage)
    if (proof.length !== signature.length) throw new ScramRefusal('proof of wrong length')
    const clientKey = Buffer.alloc(signature.length)
    for (let i = 0; i < signature.length; i++) clientKey[i] = proof[i] ^ signature[i]
    if (!timingSafeEqual(hash(clientKey), this.#credentials.storedKey)) throw new ScramRefusal('wrong proof')
    return `v=${hmac(this.#credentials.serverKey, authMessage).toString('base64')}`
  }
}

/** RFC 5802 5.1: ',' travels as =2C and '=' as =3D; any other '=' is an error. */
function decodeName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new ScramRefusal('malformed name')
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
