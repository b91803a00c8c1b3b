import { connect } from 'node:net'
import type { TestGateway } from '../../helpers/gateway.js'
import type { Answer } from '../../helpers/requests.js'

/** Long enough for a loaded machine. A missing response makes the test fail after this time, so that it cannot hang. */
const ANSWER_TIMEOUT_MS = 8_000

/**
 * Sends exactly these bytes and reads one response, for requests that an HTTP client cannot send or would complete.
 * The socket stays open until the whole response has arrived.
 */
export function sendBytes(gateway: Pick<TestGateway, 'url'>, bytes: string | Buffer): Promise<Answer> {
  const { hostname, port } = new URL(gateway.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const received: Buffer[] = []
    const finish = () => {
      const answer = parseAnswer(Buffer.concat(received))
      socket.destroy()
      if (answer === undefined) reject(new Error(`no whole answer: ${Buffer.concat(received).toString('latin1')}`))
      else resolve(answer)
    }
    socket.setTimeout(ANSWER_TIMEOUT_MS, finish)
    socket.on('data', (chunk) => {
      received.push(chunk)
      if (parseAnswer(Buffer.concat(received)) !== undefined) finish()
    })
    socket.on('error', finish)
    socket.on('close', finish)
    socket.write(bytes)
  })
}

/** Joins the lines with CRLF and adds the empty line that ends the head of a request. */
export function head(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The first final response in the bytes, or undefined until its whole body has arrived. */
function parseAnswer(bytes: Buffer): Answer | undefined {
  const text = bytes.toString('utf8')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [status_line, ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(status_line?.split(' ')[1])
  if (status === 100) return parseAnswer(bytes.subarray(Buffer.byteLength(text.slice(0, end)) + 4))
  const headers = new Headers(
    lines.map(
      (line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as [string, string],
    ),
  )
  const rest = Buffer.from(text.slice(end + 4))
  const length = Number(headers.get('content-length') ?? rest.length)
  if (rest.length < length) return undefined
  const body_text = rest.subarray(0, length).toString()
  return { status, headers, body: parsed(body_text), text: body_text }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
