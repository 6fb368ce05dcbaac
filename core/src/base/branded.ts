// Numbers that must not be mixed up get types of their own. Types only; no code runs here.

declare const brand: unique symbol
/** A `T` that only a deliberate cast can make. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** Row number of an account. */
export type AccountId = Branded<number, 'AccountId'>
/** Row number of a mailbox. Never used again after the mailbox is deleted. */
export type MailboxId = Branded<number, 'MailboxId'>
/** Row number of a stored message (octets and summary). Not an IM2000 message identifier. */
export type MessageId = Branded<number, 'MessageId'>
/** Row number of a recipient of a submission. */
export type RecipientId = Branded<number, 'RecipientId'>
/** Row number of a submission. */
export type SubmissionId = Branded<number, 'SubmissionId'>
/** Unique identifier of a message in a mailbox (RFC 3501 2.3.1.1): 1..2^32-1, ascending, never reused. */
export type Uid = Branded<number, 'Uid'>
/** Message sequence number as one session numbers it: 1..n (RFC 3501 2.3.1.2). */
export type Seq = Branded<number, 'Seq'>
/** Modification sequence (RFC 7162): per mailbox, ascending in commit order, below 2^53. */
export type Modseq = Branded<number, 'Modseq'>
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Millis = number
