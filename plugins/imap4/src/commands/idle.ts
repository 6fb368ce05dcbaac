// IDLE (RFC 2177). What changes is told at once, then gathered for a moment, so that a burst costs the client few lines.
import type { IdleTimer } from '@restante/core'
import { announceAll, tellSoon } from '../session/announce.js'
import { Gatherer } from '../session/gather.js'
import type { Session } from '../session/session.js'
import { BadCommand } from '../wire/reader.js'
import { afterLogin, command, none } from './command.js'

export const idle = command({
  name: 'IDLE', states: afterLogin, capabilities: ['IDLE'], read: none,
  async run(session) {
    session.proceed('idling')
    // Nothing that happened between the last reply and now may be missed.
    await announceAll(session, { expunges: true })
    if (session.state === 'logout') return
    session.idling = true
    const stops = [signsOfLife(session), ...(session.selected ? [watch(session)] : [])]
    try {
      if ((await session.readLine()).toUpperCase() !== 'DONE') throw new BadCommand('Wanted DONE')
    } finally {
      session.idling = false
      for (const stop of stops) stop()
      await session.telling
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

/** Announces while the client idles. Returns the way to stop. */
function watch(session: Session): () => void {
  const { clock, config } = session.face
  const gatherer = new Gatherer(clock, config.idleDebounce, () => tellNow(session))
  const stop = session.open.mailbox.onChange(() => gatherer.poke())
  return () => {
    stop()
    gatherer.stop()
  }
}

/** Tells between commands; false when the client does not read: it gets nothing more to read, and what it missed is in the next look. */
function tellNow(session: Session): boolean {
  const { say } = session
  if (say.behind) return false
  tellSoon(session, { expunges: true })
  say.push()
  if (session.state === 'logout') session.hangUp()
  return true
}
