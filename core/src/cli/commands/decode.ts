// `restante decode`: IM2000 PDUs from hex to something readable.
import { readFileSync } from 'node:fs'
import { Argument, Command, Option } from 'commander'
import { describe, pdusOf, protocolNames, read, type ProtocolName } from '../../im2000/describe.js'
import { exitCodes, print } from '../output.js'
import type { GlobalOptions } from '../settings.js'

export const decodeCommand = (exit: (code: number) => void): Command => new Command('decode')
  .description('Print IM2000 PDUs (hex, with or without their length in front; # begins a comment) so that they can be read')
  .addArgument(new Argument('[hex...]', 'hex digits; without them they are read from standard input'))
  .addOption(new Option('-p, --protocol <name>', 'whose PDU it is; without it every protocol that it fits').choices(protocolNames))
  .action((hex: readonly string[], options: GlobalOptions & { protocol?: ProtocolName }) => {
    const text = (hex.length > 0 ? hex.join(' ') : readFileSync(0, 'utf8')).replace(/#.*$/gm, '').replace(/\b0x|[\s:,]/g, '')
    if (text === '' || text.length % 2 === 1 || /[^0-9a-f]/i.test(text)) {
      process.stderr.write('restante: not hex digits in pairs\n')
      return exit(exitCodes.usage)
    }
    const found = pdusOf(Buffer.from(text, 'hex')).map((pdu) => read(pdu, options.protocol ? [options.protocol] : protocolNames))
    if (found.some((one) => 'malformed' in one)) exit(exitCodes.failed)
    if (options.json) return print(JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : isOctets(value) ? Buffer.from(value.data).toString('hex') : value)))
    print(found.map((one) => ('malformed' in one ? `malformed: ${one.malformed}` : [...new Set(one.readings.map(describe))].join('\nor '))).join('\n\n'))
  })

/** How JSON.stringify shows a Buffer to its replacer. */
const isOctets = (value: unknown): value is { data: number[] } => typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer'
