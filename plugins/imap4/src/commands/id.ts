// ID (RFC 2971): who talks to whom. What clients say of themselves is worth a line in the log when one misbehaves.
import { quoted } from '../grammar/mailbox-name.js'
import { BadCommand, utf8 } from '../wire/reader.js'
import { always, command } from './command.js'

const ours = { name: 'Restante', vendor: 'Restante', version: '0.1.0' }

export const id = command({
  name: 'ID', states: always, capabilities: ['ID'],
  read(r) {
    if (r.sp().take('NIL')) return {}
    let odd = 0
    const words = r.list((x) => (odd++ % 2 === 0 ? x.string('a field name') : x.nstring()))
    if (words.length % 2 !== 0 || words.length > 60) throw new BadCommand('Wanted up to 30 fields with values')
    const fields: Record<string, string> = {}
    for (let i = 0; i < words.length; i += 2) fields[String(words[i]).slice(0, 30)] = (utf8(words[i + 1] ?? '') ?? '?').slice(0, 1024)
    return fields
  },
  run(session, client) {
    session.clientName = client.name ?? client.NAME ?? client.Name ?? ''
    session.connection.log.debug({ client }, 'the client says who it is')
    session.say.line(`* ID (${Object.entries(ours).map(([key, value]) => `${quoted(key)} ${quoted(value)}`).join(' ')})`)
  },
})
