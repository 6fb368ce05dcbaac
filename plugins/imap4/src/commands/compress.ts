// COMPRESS (RFC 4978). Only behind login: strangers get no memory for it.
import { Refusal } from '../replies.js'
import { BadCommand } from '../wire/reader.js'
import { afterLogin, command } from './command.js'

export const compress = command({
  name: 'COMPRESS', states: afterLogin,
  capabilities: (session) => (session.state === 'not-authenticated' || session.compressed ? [] : ['COMPRESS=DEFLATE']),
  read(r) {
    const name = r.sp().word('a mechanism')
    if (name !== 'DEFLATE') throw new BadCommand(`There is no compression ${name}`)
  },
  run(session) {
    if (session.compressed) throw new Refusal('COMPRESSIONACTIVE', 'DEFLATE is active already', 'BAD')
    session.compressed = true
    return { text: 'DEFLATE active', after: session.startCompression }
  },
})
