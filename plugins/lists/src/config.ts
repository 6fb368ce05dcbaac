// Settings of the lists plugin.
import { octets, seconds } from '@restante/core'
import { z } from 'zod'

export const config = z.strictObject({
  prefix: z.string().regex(/^[^/.\\|\u0000-\u001f*%]{1,64}$/, 'one level of a mailbox name').default('lists').describe('First level of the mailboxes that show lists: lists/<list> for ours, lists/<store domain>/<list> for those of other stores.'),
  poll: seconds('15min').describe('How often lists of other stores are looked at; after failures less often, at most once a day.'),
  firstContact: seconds('10s').describe('How long SUBSCRIBE to a list of another store may take to look whether it is there; then it is taken on trust and looked at later.'),
  subscriptions: z.number().int().min(1).default(100).describe('Lists of other stores that one account may be subscribed to.'),
  keep: seconds('365d').describe('How long messages from lists of other stores are kept; 0: for ever. Our own are kept as long as the list keeps them.'),
  messages: z.number().int().min(1).default(50_000).describe('Messages kept of one list of another store; the oldest go.'),
  octetsPerPoll: octets('100MiB').describe('Octets fetched from one list at a time; the rest comes with the next look, at once.'),
  unused: seconds('30d').describe('How long the mailbox of a list that nobody is subscribed to any more stays as it is, should somebody come back.'),
})
export type Config = z.output<typeof config>
