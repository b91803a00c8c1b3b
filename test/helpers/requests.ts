import { request as httpRequest } from 'node:http'
import type { TestGateway } from './gateway.js'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any
  readonly text: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as a form, as a browser does without a script. */
  readonly form?: Readonly<Record<string, string>> | undefined
}

/** Sends a request to the gateway over a real socket. */
export async function ask(
  gateway: Pick<TestGateway, 'url'>,
  path: string,
  { method, headers, body, form }: Ask = {},
): Promise<Answer> {
  const json = body === undefined ? undefined : JSON.stringify(body)
  const sent = form === undefined ? json : String(new URLSearchParams(form))
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const response = await fetch(gateway.url + path, {
    method: method ?? (sent === undefined ? 'GET' : 'POST'),
    headers: { ...(sent !== undefined && { 'content-type': type }), ...headers },
    body: sent,
    redirect: 'manual',
  })
  const is_stream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  const text = is_stream ? await firstEvents(response) : await response.text()
  return { status: response.status, headers: response.headers, body: parsed(text), text }
}

/** A request that a loaded machine refuses this many times was not refused because of the load. */
const TRIES_MAX = 20

/**
 * Sends a request again while the gateway answers 503: of many concurrent requests, some wait too long for a lock if the
 * machine is loaded. The gateway has changed nothing then, unless the deadline of the handler has passed.
 */
export async function untilDecided(send: () => Promise<Answer>): Promise<Answer> {
  let answer = await send()
  for (let tries = 1; answer.status === 503 && tries < TRIES_MAX; tries += 1) answer = await send()
  return answer
}

/** Returns the first chunk of an event stream and cancels it, because the stream itself does not end. */
async function firstEvents(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const chunk = await reader?.read()
  await reader?.cancel()
  return new TextDecoder().decode(chunk?.value)
}

/** Sends exactly these header lines, also duplicates, which fetch would merge. */
export function askRaw(
  gateway: Pick<TestGateway, 'url'>,
  path: string,
  { method = 'GET', lines = [], body }: { method?: string; lines?: readonly string[]; body?: string } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(gateway.url)
  return new Promise((resolve, reject) => {
    const has_host = lines.some((line, position) => position % 2 === 0 && line.toLowerCase() === 'host')
    const headers = has_host ? [...lines] : ['Host', `${hostname}:${port}`, ...lines]
    const outgoing = httpRequest({ hostname, port, path, method, headers, setHost: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const received = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(Object.fromEntries(received)),
          body: parsed(text),
          text,
        })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
