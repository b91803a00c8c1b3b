import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import { CLOSE_CODES } from '../../../contract/close-codes.js'

const PING_BYTES = 16

/** The limits of one relayed connection. */
export interface RelayLimits {
  /** The buffer for a slow side, in bytes. When it is full, the relay stops reading the other side. */
  readonly held_bytes_max: number
  /** How long one side may block the other one. */
  readonly stalled_ms_max: number
  /** How often the relay pings both sides. A side that sends nothing until the next ping is disconnected. */
  readonly ping_every_ms: number
}

export interface Relay {
  /** Closes both sides. */
  close(code: number, reason: string): void
  /** Resolves when both sides are closed. Never rejects. */
  readonly ended: Promise<void>
}

/**
 * Relays messages, pings and pongs between two open sockets. Both must have `autoPong: false`. When one closes, the relay
 * closes the other one with the same code and reason. It pings both sides, so that a proxy does not close a quiet connection
 * and a lost side is found.
 *
 * It reads a side only as fast as the other side takes the data. All listeners are attached before it returns, so early
 * messages are not lost.
 */
export function relay(caller: WebSocket, upstream: WebSocket, limits: RelayLimits): Relay {
  const close = (code: number, reason: string) => {
    for (const socket of [caller, upstream]) end(socket, code, reason)
  }
  const stall = (slow: WebSocket) => {
    // This side does not read, so it would not read a close frame either.
    slow.terminate()
    close(CLOSE_CODES.try_again_later, 'the other side does not read')
  }
  const pulses = [pulse(caller), pulse(upstream)] as const
  pump(caller, upstream, limits, pulses[0], stall)
  pump(upstream, caller, limits, pulses[1], stall)
  const pinging = setInterval(() => {
    for (const each of pulses) each.beat()
  }, limits.ping_every_ms)

  let upstream_error: NodeJS.ErrnoException | undefined
  upstream.on('error', (error) => {
    upstream_error ??= error
  })
  // ws has sent the close code of the error and closes by itself.
  caller.on('error', () => undefined)
  const ended = Promise.all([
    closed(caller).then(({ code, reason }) => end(upstream, isSendable(code) ? code : CLOSE_CODES.going_away, reason)),
    closed(upstream).then(({ code, reason }) => {
      // Invalid frames of the upstream are not the fault of the client.
      if (isTooLong(upstream_error)) end(caller, CLOSE_CODES.message_too_big, 'a message of the upstream is too long')
      else if (isSendable(code) && upstream_error === undefined) end(caller, code, reason)
      else end(caller, CLOSE_CODES.bad_gateway, 'the upstream broke off')
    }),
  ]).then(() => clearInterval(pinging))
  caller.resume()
  upstream.resume()
  return { close, ended }
}

/** Returns how a socket closed. It may have closed before the listener was attached. */
async function closed(socket: WebSocket): Promise<{ code: number; reason: Buffer }> {
  if (socket.readyState === WebSocket.CLOSED) return { code: CLOSE_CODES.abnormal, reason: Buffer.alloc(0) }
  return new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason })))
}

/** Whether one side still answers. */
interface Pulse {
  /** The side sent a frame. Returns whether it is the answer to a ping of the relay, which the other side did not send. */
  note(pong?: Buffer): boolean
  /** Pings the side, or disconnects it if it sent nothing since the last ping. */
  beat(): void
}

function pulse(socket: WebSocket): Pulse {
  // The pongs of the other side's pings must pass. This text cannot be guessed, so no ping of a side has it.
  const text = randomBytes(PING_BYTES)
  let has_answered = true
  return {
    note(pong) {
      has_answered = true
      return pong?.equals(text) === true
    },
    beat() {
      if (socket.readyState !== WebSocket.OPEN) return
      // The pong of a paused side cannot be read. The limit for a slow side applies instead.
      if (has_answered || socket.isPaused) {
        has_answered = socket.isPaused
        socket.ping(text)
      } else socket.terminate()
    },
  }
}

/** Forwards the frames of one side, and stops reading it while the other side is slow. */
function pump(
  from: WebSocket,
  to: WebSocket,
  { held_bytes_max, stalled_ms_max }: RelayLimits,
  pulse: Pulse,
  onStall: (slow: WebSocket) => void,
): void {
  let waiting: NodeJS.Timeout | undefined
  const release = () => {
    if (waiting === undefined || to.bufferedAmount > held_bytes_max / 2) return
    clearTimeout(waiting)
    waiting = undefined
    from.resume()
  }
  const pass = (write: (done: () => void) => void) => {
    if (to.readyState !== WebSocket.OPEN) return
    write(release)
    if (waiting === undefined && to.bufferedAmount > held_bytes_max) {
      from.pause()
      waiting = setTimeout(onStall, stalled_ms_max, to)
    }
  }
  from.on('message', (data, binary) => {
    pulse.note()
    pass((done) => to.send(data, { binary }, done))
  })
  from.on('ping', (data) => {
    pulse.note()
    pass((done) => to.ping(data, undefined, done))
  })
  from.on('pong', (data) => {
    if (!pulse.note(data)) pass((done) => to.pong(data, undefined, done))
  })
  to.once('close', () => {
    clearTimeout(waiting)
    waiting = undefined
    // A paused socket would not read the close frame of the other side.
    from.resume()
  })
}

function end(socket: WebSocket, code: number, reason: string | Buffer): void {
  if (socket.readyState !== WebSocket.OPEN) return
  if (code === CLOSE_CODES.no_status) socket.close()
  else socket.close(code, reason)
}

/** Checks for the error of ws for a message above `maxPayload`. */
function isTooLong(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
}

/** Checks whether a close frame can have this code: 1000 to 1014 except 1004 and 1006, and 3000 to 4999. 1005 is a frame without a code. */
function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== CLOSE_CODES.abnormal) || (code >= 3000 && code <= 4999)
  )
}
