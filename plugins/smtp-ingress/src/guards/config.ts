// Settings of what strangers meet at the MX listener. What could cost honest mail is off.
import { network, seconds, section } from '@restante/core'
import { z } from 'zod'

const count = (preset: number, text: string) => z.number().int().min(0).default(preset).describe(`${text} 0: no limit.`)

const blockList = z.strictObject({
  zone: z.string().regex(/^([A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{2,63}$/, 'a DNS zone, for example zen.spamhaus.org').describe('The zone that is asked.'),
  answers: z.array(network).min(1).default(['127.0.0.0/24']).describe('Answers that mean "listed"; others, such as errors in 127.255.255.0/24, mean nothing. 127.0.0.1 never does (RFC 5782).'),
  action: z.enum(['refuse', 'junk']).default('refuse').describe('Refuse recipients, or file in Junk.'),
})

export const guardConfig = {
  trusted: z.array(network).default([]).describe('Networks that none of the following checks hold up: backup MX, forwarders, your own machines. This machine always is one.'),
  xclient: z.array(network).default([]).describe('Proxies that may say with XCLIENT whom they speak for (address, name, HELO); never a login.'),
  rates: section({
    window: seconds('1min').describe('Over how long these are counted, for each address (IPv6: each /64).'),
    connections: count(300, 'Connections.'),
    commands: count(10_000, 'Commands.'),
    recipients: count(3000, 'Recipients named.'),
  }).describe('How much one address may do.'),
  tarpit: section({
    window: seconds('10min').describe('Over how long unknown recipients are counted, for each address.'),
    after: count(5, 'Unknown recipients after which each answer waits.'),
    delay: seconds('1s').describe('How much longer each answer waits than the one before.'),
    longest: seconds('20s').describe('Longest wait.'),
    hangUp: count(25, 'Unknown recipients after which the connection is closed.'),
  }).describe('Brakes on guessing recipients. Those on guessing passwords are in accounts.throttle.'),
  blockLists: z.array(blockList).max(20).default([]).describe('DNS block lists (RFC 5782) that are asked about the address.'),
  blockListTime: seconds('3s').describe('Time for block lists to answer; one that does not lists nobody.'),
  helo: z.enum(['any', 'plausible']).default('any').describe('plausible: HELO must be a name with a dot or an address in brackets, and not a name of ours.'),
  reverseName: z.enum(['any', 'some', 'confirmed']).default('any').describe('some: the address must have a name in DNS. confirmed: and the name must lead back to it. Trouble of DNS counts as well.'),
  greylist: section({
    enabled: z.boolean().default(false).describe('Whether mail of an unknown triplet (network, sender, recipient) is put off once (RFC 6647).'),
    wait: seconds('5min').describe('How long it is put off.'),
    retry: seconds('2d').describe('How long a first attempt is remembered.'),
    remember: seconds('35d').describe('How long a triplet that came back is remembered after its last message.'),
    networkAfter: z.number().int().min(1).default(3).describe('Triplets that came back after which all mail of a network is let through.'),
    skipSpfPass: z.boolean().default(true).describe('Whether senders whose domain stands for the address (SPF, which the bridge smtp-relay looks at) are let through at once.'),
    entries: z.number().int().min(1000).default(1_000_000).describe('Triplets that are remembered; when there are more, new ones are let through.'),
  }).describe('Greylisting.'),
}
export type GuardConfig = z.output<z.ZodObject<typeof guardConfig>>
