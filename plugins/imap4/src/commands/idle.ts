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

/** Milliseconds between two announcements at least, and of quiet that end a burst. */
const moment = 10

/** Announces while the client idles: a single change at once, a burst when it pauses, but after `idleDebounce` at the latest. Returns the way to stop. */
function watch(session: Session): () => void {
  const { clock, config } = session.face
  let timer: { clear(): void } | undefined
  let changes = 0
  /** Changes when the last moment ended, and moments since the burst began. */
  let before = 0
  let moments = 0
  const wait = (): void => {
    timer = clock.after(moment, () => {
      timer = undefined
      moments++
      if (changes === 0) return
      if (changes === 1 || changes === before || moments * moment >= config.idleDebounce) return tell()
      before = changes
      wait()
    })
  }
  const tell = (): void => {
    // A client that does not read gets nothing more to read; what it missed is in the next look.
    changes = session.say.behind ? 1 : 0
    before = moments = 0
    if (changes === 0) announce(session, { expunges: true })
    session.say.push()
    if (session.state === 'logout') session.hangUp()
    else wait()
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
