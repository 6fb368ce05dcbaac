// An SMTP server that follows a script: all goes well up to a stage.
import type { Socket } from 'node:net'

export type Act = (socket: Socket) => void
/** Speaks SMTP; at a stage (the beginning of a line, '.' for the end of the message) it acts instead. @param ehlo further lines */
export const until = (stage: string, act: Act, ehlo: readonly string[] = []): Act => (socket) => {
  let rest = ''
  let data = false
  socket.write('220 hello\r\n')
  socket.on('data', (chunk) => {
    rest += chunk.toString('latin1')
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 2)
      if (data) {
        if (line !== '.') continue
        data = false
        if (stage === '.') return act(socket)
        socket.write('250 fine\r\n')
        continue
      }
      if (line.toUpperCase().startsWith(stage)) return act(socket)
      data = line.toUpperCase() === 'DATA'
      socket.write(data ? '354 go\r\n' : /^EHLO/i.test(line) ? ['250-here', ...ehlo.map((one) => `250-${one}`), '250 8BITMIME', ''].join('\r\n') : '250 ok\r\n')
    }
  })
}
