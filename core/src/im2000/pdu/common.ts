// What the four modules share (im2000.md A.1). Declarations only.
import { Malformed } from '../der/reader.js'
import { bool, choice, ctx, extension, octets, openEnumerated, opt, seq, seqOf, small, uint, utf8, type Field, type Static, type Type } from '../der/types.js'

/** Bounds of im2000.md E.30; what is longer is malformed. */
const sizes = { sender: 255, localpart: 64, domain: 255, label: 63, literals: 16 }

/** 16 octets that name a message for one recipient or list. A bearer secret: never log it in full (D30). */
export const messageIdentifier = octets({ min: 16, max: 16 })

/** One element per label, left to right, no root label. */
export const domainName = wholeDomain(seqOf(utf8({ max: sizes.label })))
export const mailBox = seq({ localpart: ctx(0, utf8({ max: sizes.localpart })), domain: ctx(1, domainName) })
export type MailBox = Static<typeof mailBox>

export const portNumber = small(65_535)
/** Version4 and Version6 of the modules. */
export const ipAddress = choice({ version4: ctx(0, octets({ min: 4, max: 4 })), version6: ctx(1, octets({ min: 16, max: 16 })) })
export const addressAndPort = seq({ address: ctx(0, ipAddress), port: ctx(1, portNumber) })
/** Zero literals: "not offered" (im2000.md Q15). */
export const serviceLocation = choice({ literals: ctx(0, seqOf(addressAndPort, sizes.literals)), domain: ctx(1, domainName) })
export type WireLocation = Static<typeof serviceLocation>

export const notification = seq({
  storeclear: ctx(0, serviceLocation),
  storessl: opt(1, serviceLocation),
  recipient: ctx(2, mailBox),
  identifier: ctx(3, messageIdentifier),
  sender: ctx(4, utf8({ max: sizes.sender })),
  size: opt(5, uint),
  // Beyond the module (im2000.md H5): SHA-256 of the stored octets. Others pass over it (N17).
  digest: extension(16, 32, octets({ min: 32, max: 32 })),
})
export type WireNotification = Static<typeof notification>

/** Responses and commands without fields. */
export const empty = seq({})
export const credentials = seq({ account: ctx(0, utf8()), password: ctx(1, utf8()) })

type Alternatives = Record<string, Field<any, false>>

/** What a module declares: its commands, the numbers of its statuses, its responses. Names of statuses may be shared, numbers never (A.2). */
export function protocol<const N extends string, C extends Alternatives, S extends string, R extends Alternatives>(
  { name, commands, statuses, responses }: { name: N; commands: C; statuses: readonly S[]; responses: R },
) {
  const commanddata = choice(commands)
  const responsedata = choice(responses)
  const response = seq({ forceabort: ctx(0, bool), status: ctx(1, openEnumerated(statuses)), responsedata: ctx(2, responsedata) })
  return { name, statuses, commanddata, responsedata, pdu: choice({ command: ctx(1, seq({ commanddata: ctx(0, commanddata) })), response: ctx(2, response) }) }
}

/** The same bound over a whole domain name: labels and the dots between them. */
function wholeDomain(labels: Type<readonly string[]>): Type<readonly string[]> {
  return {
    ...labels,
    read(reader, end) {
      // Every label has a head of two octets; between two of them stands one dot.
      const octetsBetween = end - reader.at
      const value = labels.read(reader, end)
      if (octetsBetween - value.length - 1 > sizes.domain) throw new Malformed('a domain name that is too long', end)
      return value
    },
  }
}
