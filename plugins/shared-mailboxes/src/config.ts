// The settings of shared mailboxes. Defaults live here only.
import { z } from 'zod'

const level = (name: string) => z.string().regex(/^[^/.\\|\u0000-\u001f*%"]{1,64}$/, 'one level of a mailbox name').default(name)

export const config = z.strictObject({
  shared: level('shared').describe('First level of shared mailboxes: shared/<name>. Nobody can have mailboxes of their own below it, whatever the case.'),
  user: level('user').describe("First level of other users' mailboxes: user/<user name>."),
  maxMembers: z.number().int().min(1).max(100_000).default(5000).describe('Entries in the list of rights of one shared account or mailbox.'),
})
export type Config = z.output<typeof config>
