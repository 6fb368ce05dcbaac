// The settings of vacation replies. Defaults live here only.
import { z } from 'zod'

export const config = z.strictObject({
  days: z.number().int().min(0).max(30).default(7).describe('Days between two replies to the same sender, for users who name none; 0: every message is answered.'),
  timezone: z.string().default('UTC').refine((zone) => { try { return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined } catch { return false } }, 'a time zone such as Europe/Berlin')
    .describe('Time zone of the days on which vacations begin and end, and of dates in their texts (IANA name).'),
  maxText: z.number().int().min(100).max(1_000_000).default(64_000).describe('Characters of a message, text or HTML.'),
  maxSenders: z.number().int().min(1).max(10_000).default(500).describe("Entries of a user's list of senders."),
})
export type Config = z.output<typeof config>
