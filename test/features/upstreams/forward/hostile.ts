import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { ANSWERS, READS_NO_BODY } from './hostile-answers.js'

/** One request exactly as its bytes arrived: no header is folded, renamed or dropped. */
export interface Received {
  readonly method: string
  /** The request target as received. */
  readonly target: string
  /** Names and values in turn, in their original case. */
  readonly raw_headers: readonly string[]
  /** The number of its connection, counted from 1. */
  readonly connection: number
  body_bytes: number
  body_sha256: string
}

export interface Exchange {
  readonly socket: Socket
  readonly request: Received
  /** The number of earlier requests on this connection. */
  readonly earlier: number
  /** Writes, and waits for `drain` while the other side does not read. @throws Error if the other side disconnects. */
  send(bytes: string | Buffer): Promise<void>
}

export interface Hostile {
  readonly origin: string
  /** Every request that arrived, oldest first. */
  readonly received: readonly Received[]
  /** Connections that are open now. */
  connections(): number
  /** Connections that were ever opened. */
  accepted(): number
  /** Whether a connection, by the number in a request, is open. */
  isOpen(connection: number): boolean
  close(): Promise<void>
}

/**
 * An upstream that writes HTTP/1.1 by hand, so that its responses can be invalid. The path selects the behaviour, see
 * hostile-answers.ts. The received requests stay readable after `close`.
 */
export async function startHostile(): Promise<Hostile> {
  const received: Received[] = []
  const sockets = new Map<Socket, number>()
  let connections = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    sockets.set(socket, connections)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    // These tests break connections on purpose.
    serve(socket, connections, received).catch(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    connections: () => sockets.size,
    accepted: () => connections,
    isOpen: (connection) => [...sockets.values()].includes(connection),
    async close() {
      for (const socket of sockets.keys()) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function serve(socket: Socket, connection: number, received: Received[]): Promise<void> {
  const reader = new Reader(socket)
  for (let earlier = 0; !socket.destroyed; earlier += 1) {
    const head = await reader.until('\r\n\r\n')
    if (head === undefined) return
    const request = { ...parseHead(head), connection, body_bytes: 0, body_sha256: '' }
    received.push(request)
    const name = /^\/([a-z0-9-]*)/.exec(request.target)?.[1] ?? ''
    if (!READS_NO_BODY.has(name)) await readBody(reader, request)
    const answer = ANSWERS[name] ?? ANSWERS.echo
    await answer?.({ socket, request, earlier, send: (bytes) => send(socket, bytes) })
  }
}

async function send(socket: Socket, bytes: string | Buffer): Promise<void> {
  if (socket.destroyed) throw new Error('the other side went away')
  if (socket.write(bytes, 'latin1')) return
  await new Promise<void>((resolve, reject) => {
    const settle = () => {
      socket.off('drain', settle).off('close', settle)
      if (socket.destroyed) reject(new Error('the other side went away'))
      else resolve()
    }
    socket.once('drain', settle).once('close', settle)
  })
}

function parseHead(head: string): Pick<Received, 'method' | 'target' | 'raw_headers'> {
  const [first = '', ...lines] = head.slice(0, -4).split('\r\n')
  const [method = '', target = ''] = first.split(' ')
  const raw_headers = lines.flatMap((line) => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 1).trim(),
  ])
  return { method, target, raw_headers }
}

/** Returns the value of a request header. */
export function headerOf({ raw_headers }: Pick<Received, 'raw_headers'>, name: string): string | undefined {
  const position = raw_headers.findIndex((item, index) => index % 2 === 0 && item.toLowerCase() === name)
  return position < 0 ? undefined : raw_headers[position + 1]
}

async function readBody(reader: Reader, request: Received): Promise<void> {
  const hash = createHash('sha256')
  const take = (chunk: Buffer) => {
    hash.update(chunk)
    request.body_bytes += chunk.length
  }
  if (headerOf(request, 'transfer-encoding') !== undefined) {
    for (;;) {
      const size = Number.parseInt((await reader.until('\r\n')) ?? '0', 16)
      if (size > 0) await reader.exactly(size, take)
      await reader.until('\r\n')
      if (size === 0) break
    }
  } else {
    await reader.exactly(Number(headerOf(request, 'content-length') ?? 0), take)
  }
  request.body_sha256 = hash.digest('hex')
}

/** Reads a socket with backpressure: it takes the next chunk only on request. */
class Reader {
  #held: Buffer = Buffer.alloc(0)
  readonly #chunks: AsyncIterator<Buffer>

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]()
  }

  /** Returns the text up to and including a mark, or undefined at the end of the connection. */
  async until(mark: string): Promise<string | undefined> {
    for (;;) {
      const position = this.#held.indexOf(mark)
      if (position >= 0) return this.#take(position + mark.length).toString('latin1')
      if (!(await this.#more())) return undefined
    }
  }

  /** Passes exactly this number of bytes to `take`, in chunks as they arrive. */
  async exactly(bytes: number, take: (chunk: Buffer) => void): Promise<void> {
    for (let left = bytes; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more())) throw new Error('the body ended early')
      const chunk = this.#take(Math.min(left, this.#held.length))
      left -= chunk.length
      take(chunk)
    }
  }

  #take(bytes: number): Buffer {
    const taken = this.#held.subarray(0, bytes)
    this.#held = this.#held.subarray(bytes)
    return taken
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done === true) return false
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value])
    return true
  }
}
