// IMAP ENVELOPE (RFC 3501 7.4.2) of one message header. Pure: fields in, octet string out.
import { parseAddressList, type HeaderAddress } from './address.js'
import { unfold } from './headers.js'
import { imapNstring, imapString } from './imap-string.js'
import type { Fields } from './message-fields.js'
import type { OctetString } from './summary.js'

export interface AddressLists {
  readonly from: readonly HeaderAddress[]
  readonly sender: readonly HeaderAddress[]
  readonly replyTo: readonly HeaderAddress[]
  readonly to: readonly HeaderAddress[]
  readonly cc: readonly HeaderAddress[]
  readonly bcc: readonly HeaderAddress[]
}

/** The address fields, each read once; at most `limit` entries of each. Sender and Reply-To are From where absent or empty. */
export function readAddresses(fields: Fields, limit: number): AddressLists {
  const list = (name: string): readonly HeaderAddress[] => {
    const value = fields.get(name)
    return value === undefined ? [] : parseAddressList(value, limit)
  }
  const from = list('from')
  const orFrom = (addresses: readonly HeaderAddress[]): readonly HeaderAddress[] => (addresses.length > 0 ? addresses : from)
  return { from, sender: orFrom(list('sender')), replyTo: orFrom(list('reply-to')), to: list('to'), cc: list('cc'), bcc: list('bcc') }
}

/** Entries that ENVELOPE will have: From stands for Sender and Reply-To as well. */
export const countAddresses = ({ from, sender, replyTo, to, cc, bcc }: AddressLists): number => from.length + sender.length + replyTo.length + to.length + cc.length + bcc.length

/** ENVELOPE with its parentheses. */
export function envelope(fields: Fields, addresses: AddressLists): OctetString {
  // Absent is NIL, present but empty is "" (RFC 3501 7.4.2).
  const text = (name: string): OctetString => {
    const value = fields.get(name)
    return imapNstring(value === undefined ? undefined : unfold(value))
  }
  const { from, sender, replyTo, to, cc, bcc } = addresses
  const fromList = addressList(from)
  const people = [fromList, sender === from ? fromList : addressList(sender), replyTo === from ? fromList : addressList(replyTo), addressList(to), addressList(cc), addressList(bcc)]
  return `(${text('date')} ${text('subject')} ${people.join(' ')} ${text('in-reply-to')} ${text('message-id')})`
}

/** ENVELOPE of a header without fields. */
export const emptyEnvelope: OctetString = '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)'

function addressList(addresses: readonly HeaderAddress[]): OctetString {
  return addresses.length === 0 ? 'NIL' : `(${addresses.map(address).join('')})`
}

function address(of: HeaderAddress): OctetString {
  if (of.kind === 'end') return '(NIL NIL NIL NIL)'
  if (of.kind === 'group') return `(NIL NIL ${imapString(of.name)} NIL)`
  // A NIL host or mailbox would mean a group: what is missing is written "".
  return `(${imapNstring(of.name || undefined)} ${imapNstring(of.route || undefined)} ${imapString(of.local)} ${imapString(of.domain)})`
}
