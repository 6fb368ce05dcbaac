// The settings of MailSort. Defaults live here only.
import { octets, seconds } from '@restante/core'
import { z } from 'zod'

export const config = z.strictObject({
  timezone: z.string().default('UTC').refine((zone) => { try { return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined } catch { return false } }, 'a time zone such as Europe/Berlin')
    .describe('Time zone of time, day and date tests in filter files that name none (IANA name).'),
  maxFile: octets('5 MiB').describe('Octets of a filter file.'),
  maxRules: z.number().int().min(1).max(100_000).default(10_000).describe('Rules of a filter file.'),
  evaluation: z.number().int().min(1).max(5000).default(50).describe("Milliseconds that one recipient's rules may take; past them the message goes to INBOX, with a note in the errors."),
  cacheMiB: z.number().int().min(1).default(128).describe('Memory for rules that are kept ready, estimated from their texts.'),
  trusted: z.array(z.string()).default([]).describe('Names of servers whose Authentication-Results fields are believed, beside our own host name. Anybody can write the others.'),
  maxHops: z.number().int().min(1).max(100).default(20).describe('Times that a message may have been forwarded (Delivered-To fields) before rules forward it no more.'),
  replyInterval: seconds('1d').describe('Seconds in which the same sender gets the same template once; 0: every time.'),
  keptErrors: z.number().int().min(1).max(10_000).default(100).describe('Notes on rules that failed, kept for each user.'),
})
export type Config = z.output<typeof config>
