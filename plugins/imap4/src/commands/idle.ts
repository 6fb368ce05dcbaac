// IDLE (RFC 2177). What changes is told at once, then gathered for a moment, so that a burst costs the client few lines.
import type { IdleTimer } from '@restante/core'
import { announce } from '../session/announce.js'
import type { Session } from '../session/session.js'
import { BadCommand } from '../wire/reader.js'
import { afterLogin, command, none } from './command.js'

export const idle = command({
  name: 'IDLE', states: afterLogin, capabilities: ['IDLE'], read: none,
  async run(session) {
    session.proceed('idling')
    // Nothing that happened between the last reply and now may be missed.
    announce(session, { expunges: true })
    if (session.state === 'logout') return
    const stops = [signsOfLife(session), ...(session.selected ? [watch(session)] : [])]
    try {
      if ((await session.readLine()).toUpperCase() !== 'DONE') throw new BadCommand('Wanted DONE')
    } finally {
      for (const stop of stops) stop()
    }
  },
})

/** Something to send now and then, so that address translators on the way keep the connection. Returns the way to stop. */
function signsOfLife({ say, face: { config, services } }: Session): () => void {
  const again = (): IdleTimer => services.net.idle.watch(config.idleKeepalive * 1000, () => {
    if (!say.behind) say.line('* OK Still here')
    say.push()
    timer = again()
  })
  let timer = again()
  return () => timer.stop()
}

/** Milliseconds that single changes are apart at least; what comes faster is gathered for longer and longer, up to `idleDebounce`. */
const shortest = 10

/** Announces while the client idles: the first change at once. Returns the way to stop. */
function watch(session: Session): () => void {
  const { clock, config } = session.face
  let timer: { clear(): void } | undefined
  let changes = 0
  let gather = 0
  const tell = (): void => {
    gather = Math.min(config.idleDebounce, changes > 1 ? gather * 2 : shortest)
    // A client that does not read gets nothing more to read; what it missed is in the next look.
    changes = session.say.behind ? 1 : 0
    if (changes === 0) announce(session, { expunges: true })
    session.say.push()
    if (session.state === 'logout') return session.hangUp()
    timer = clock.after(gather, () => {
      timer = undefined
      if (changes > 0) tell()
    })
  }
  const stop = session.open.mailbox.onChange(() => {
    changes++
    if (!timer) tell()
  })
  return () => {
    stop()
    timer?.clear()
  }
}
