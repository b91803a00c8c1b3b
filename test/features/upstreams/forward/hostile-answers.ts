import { setTimeout as pause } from 'node:timers/promises'
import type { Exchange, Received } from './hostile.js'

/** The body of injected responses. No client may ever receive it. */
export const STOLEN = 'STOLEN-ANSWER'
export const HUGE_BYTES = 100 * 1024 * 1024
export const DRIP_BYTES = 12
const DRIP_PAUSE_MS = 40
/** Far more than the gateway should read of a response head. */
const HUGE_HEADER_BYTES = 400_000
const BLOCK = Buffer.alloc(65_536, 'x')

/** Behaviours that respond before they read the request body. They never read it. */
export const READS_NO_BODY: ReadonlySet<string> = new Set(['early-answer', 'early-answer-close', 'never-reads'])

/** The size of the response of `/gigabyte`. */
export const GIGABYTE = 1_073_741_824
const PADDING = ' '.repeat(50_000)

function echoOf({ method, target, raw_headers, body_bytes, body_sha256 }: Received): string {
  return JSON.stringify({ method, target, headers: raw_headers, body_bytes, body_sha256 })
}

type Behaviour = (exchange: Exchange) => void | Promise<void>

/** A complete response, with any header lines. */
function answer(status: string, body = '', ...lines: string[]): string {
  return [`HTTP/1.1 ${status}`, `content-length: ${Buffer.byteLength(body)}`, ...lines, '', body].join('\r\n')
}

/** A head of exactly these lines, without a body. */
function lines(...head: string[]): string {
  return `${head.join('\r\n')}\r\n\r\n`
}

const stolen = answer('200 OK', STOLEN)
const ended =
  (bytes: string | Buffer): Behaviour =>
  ({ socket }) =>
    void socket.end(bytes, 'latin1')
const kept =
  (bytes: string | Buffer): Behaviour =>
  ({ send }) =>
    send(bytes)

/** Sends without an end. @throws Error if the other side disconnects */
async function repeat(send: Exchange['send'], bytes: string): Promise<never> {
  for (;;) {
    await send(bytes)
    await pause(10)
  }
}

/** The behaviour of the upstream, by the first segment of the path. */
export const ANSWERS: Readonly<Record<string, Behaviour>> = {
  /** Returns everything that it received, as JSON. */
  echo: ({ request, send }) => send(answer('200 OK', echoOf(request), 'content-type: application/json')),
  /** Does the same after a delay in milliseconds, the second segment, and appends many spaces. */
  late: async ({ request, send }) => {
    await pause(Number(request.target.split('/')[2]))
    await send(answer('200 OK', echoOf(request) + PADDING, 'content-type: application/json'))
  },

  // Slow responses.
  'stall-head': () => undefined,
  'stall-in-head': kept('HTTP/1.1 200 OK\r\ncontent-le'),
  'stall-body': kept(`${lines('HTTP/1.1 200 OK', 'content-length: 100')}the beginning`),
  drip: async ({ send }) => {
    await send(lines('HTTP/1.1 200 OK', `content-length: ${DRIP_BYTES}`))
    for (let sent = 0; sent < DRIP_BYTES; sent += 1) {
      await send('.')
      await pause(DRIP_PAUSE_MS)
    }
  },
  'never-reads': () => new Promise(() => undefined),

  // Wrong lengths.
  short: ended(`${lines('HTTP/1.1 200 OK', 'content-length: 1000')}ten bytes.`),
  'short-chunked': ended(`${lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}a\r\nten bytes.\r\n`),
  long: kept(`${lines('HTTP/1.1 200 OK', 'content-length: 10')}ten bytes.${STOLEN}`),
  'two-lengths': kept(`${lines('HTTP/1.1 200 OK', 'content-length: 10', 'content-length: 13')}ten bytes.${STOLEN}`),
  'negative-length': kept(lines('HTTP/1.1 200 OK', 'content-length: -1')),
  'length-and-chunks': kept(
    `${lines('HTTP/1.1 200 OK', 'content-length: 4', 'transfer-encoding: chunked')}0\r\n\r\n${stolen}`,
  ),
  'until-close': ended(`${lines('HTTP/1.1 200 OK')}until the end`),
  'bad-chunks': kept(
    `${lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}5\r\nhello\r\nzz\r\n${STOLEN}\r\n0\r\n\r\n`,
  ),
  'body-of-204': kept(`${lines('HTTP/1.1 204 No Content')}${stolen}`),
  'length-of-204': kept(`${lines('HTTP/1.1 204 No Content', 'content-length: 9')}body here`),
  'chunks-of-204': kept(`${lines('HTTP/1.1 204 No Content', 'transfer-encoding: chunked')}4\r\nbody\r\n0\r\n\r\n`),
  'length-of-205': kept(`${lines('HTTP/1.1 205 Reset Content', 'content-length: 9')}body here`),
  'empty-204': kept(lines('HTTP/1.1 204 No Content', 'content-length: 0')),
  'empty-205': kept(lines('HTTP/1.1 205 Reset Content', 'content-length: 0')),
  'body-of-304': kept(`${lines('HTTP/1.1 304 Not Modified', 'content-length: 20')}${stolen}`),
  'length-of-304': kept(lines('HTTP/1.1 304 Not Modified', 'content-length: 20')),
  'body-of-head': kept(answer('200 OK', STOLEN)),

  // More responses than requests. The next request on this connection would get the response of another client.
  'two-answers': kept(answer('200 OK', 'mine') + stolen),
  'late-answer': async ({ send }) => {
    await send(answer('200 OK', 'mine'))
    await pause(5)
    await send(stolen)
  },

  // Connections that break.
  'close-early': ({ socket }) => void socket.end(),
  reset: ({ socket }) => void socket.resetAndDestroy(),
  'close-in-head': ended('HTTP/1.1 200 OK\r\ncontent-le'),
  'reset-in-body': async ({ socket, send }) => {
    await send(`${lines('HTTP/1.1 200 OK', 'content-length: 1000')}ten bytes.`)
    await pause(20)
    socket.resetAndDestroy()
  },
  'close-after': ended(answer('200 OK', 'the last on this connection')),
  /** Answers the first request of a connection, and closes the connection at the second. */
  'close-second': ({ socket, earlier, send }) =>
    earlier === 0 ? send(answer('200 OK', 'first')) : void socket.destroy(),

  // Invalid heads.
  'bad-name': kept(lines('HTTP/1.1 200 OK', 'content-length: 0', 'x bad name: 1')),
  'bad-value': kept(lines('HTTP/1.1 200 OK', 'content-length: 0', 'x-bad: one\0two')),
  'bare-cr': kept(lines('HTTP/1.1 200 OK', 'content-length: 0', 'x-bad: one\rset-cookie: a=b')),
  'no-colon': kept(lines('HTTP/1.1 200 OK', 'content-length: 0', 'nothing')),
  'bad-status': kept(lines('HTTP/1.1 abc OK', 'content-length: 0')),
  'no-http': kept('SSH-2.0-OpenSSH_9.2\r\n'),
  'huge-headers': kept(lines('HTTP/1.1 200 OK', 'content-length: 0', `x-huge: ${'x'.repeat(HUGE_HEADER_BYTES)}`)),
  'many-headers': kept(
    lines('HTTP/1.1 200 OK', 'content-length: 0', ...Array.from({ length: 5000 }, (_, at) => `x-${at}: 12345678`)),
  ),
  'odd-bytes': kept(answer('200 OK', 'odd', 'content-type: text/plain; x="\xe9\xff"')),

  // Interim responses.
  continue: kept(`${lines('HTTP/1.1 100 Continue')}${answer('200 OK', 'after 100')}`),
  'early-hints': kept(
    `${lines('HTTP/1.1 103 Early Hints', 'link: </a.css>; rel=preload')}${answer('200 OK', 'after 103')}`,
  ),
  'endless-hints': async ({ send }) => {
    for (;;) {
      await send(lines('HTTP/1.1 103 Early Hints', 'link: </a.css>; rel=preload'))
      await pause(10)
    }
  },
  switches: kept(lines('HTTP/1.1 101 Switching Protocols', 'connection: upgrade', 'upgrade: websocket')),

  // Responses before the body was read.
  'early-answer': kept(answer('413 Content Too Large', 'too much', 'content-type: text/plain')),
  'early-answer-close': ended(answer('413 Content Too Large', 'too much', 'connection: close')),

  // Headers that must not pass.
  redirect: kept(answer('302 Found', '', 'location: http://169.254.169.254/latest/meta-data')),
  trailers: kept(
    `${lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked', 'trailer: x-checksum, set-cookie')}5\r\nhello\r\n0\r\nx-checksum: 1\r\nset-cookie: a=b\r\n\r\n`,
  ),
  'their-headers': kept(
    answer(
      '401 Unauthorized',
      '{"theirs":true}',
      'content-type: application/json',
      'www-authenticate: Basic realm="theirs"',
      'set-cookie: session=1',
      'access-control-allow-origin: *',
      'access-control-allow-credentials: true',
      'connection: keep-alive, x-private',
      'keep-alive: timeout=5',
      'proxy-authenticate: Basic',
      'upgrade: h2c',
      'x-private: 1',
      'x-request-id: theirs',
      'ratelimit: "theirs";r=0;t=9',
      'x-gatehouse-tenant: theirs',
      'server: hostile/1.0',
      'x-powered-by: malice',
    ),
  ),

  // Large responses.
  huge: async ({ send }) => {
    await send(lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked'))
    for (let sent = 0; sent < HUGE_BYTES; sent += BLOCK.length) {
      await send(`${BLOCK.length.toString(16)}\r\n`)
      await send(BLOCK)
      await send('\r\n')
    }
    await send('0\r\n\r\n')
  },
  'endless-length': async ({ send }) => {
    await send(lines('HTTP/1.1 200 OK', `content-length: ${GIGABYTE}`))
    await repeat(send, '.')
  },
  'endless-close': async ({ send }) => {
    await send(lines('HTTP/1.1 200 OK'))
    await repeat(send, '.')
  },
  'endless-chunks': async ({ send }) => {
    await send(lines('HTTP/1.1 200 OK', 'transfer-encoding: chunked'))
    await repeat(send, '1\r\n.\r\n')
  },
  gigabyte: async ({ send }) => {
    await send(lines('HTTP/1.1 200 OK', `content-length: ${GIGABYTE}`))
    for (let sent = 0; sent < GIGABYTE; sent += BLOCK.length) await send(BLOCK)
  },
}
