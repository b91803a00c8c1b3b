import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type GatewayOptions, startGateway } from '../../helpers/gateway.js'

export interface Service {
  readonly origin: string
  /** Every request that arrived, as method and path. */
  readonly asked: string[]
  /** The headers of the last request that arrived. */
  lastHeaders(): IncomingMessage['headers']
  close(): Promise<void>
}

/** An upstream on a free port. It echoes each request unless the test passes another `answer`. */
export async function startService(
  answer: (request: IncomingMessage, response: ServerResponse) => void = echo,
  port = 0,
): Promise<Service> {
  const asked: string[] = []
  let headers: IncomingMessage['headers'] = {}
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    headers = request.headers
    answer(request, response)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    lastHeaders: () => headers,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Returns the request as JSON. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { method, url, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
  })
}

/** A gateway with a manifest. The test can rewrite the manifest and reload it. */
export async function startGatewayWith(t: Test, manifest: string, options: GatewayOptions = {}) {
  const file = `${t.testdir({ 'upstreams.yaml': manifest })}/upstreams.yaml`
  const gateway = await startGateway({ ...options, env: { UPSTREAMS_FILE: file, ...options.env } })
  return { ...gateway, file, write: (text: string) => writeFileSync(file, text) }
}

/** A manifest with one upstream, `training`. */
export function trainingManifest(origin: string | readonly string[], more = ''): string {
  return `upstreams:
  - name: training
    prefix: /training
    origin: ${JSON.stringify(origin)}
${more}    scopes:
      training:view: See trainings and their status
      training:run: Start and stop trainings
    routes:
      - { method: GET, path: /status, scopes: [training:view], summary: What is being trained }
      - { method: POST, path: /start, scopes: [training:view, training:run] }
      - { method: GET, path: '/sessions/:id', scopes: [training:view] }
      - { method: GET, path: /sessions/secret, scopes: [training:run] }
      - { method: DELETE, path: '/sessions/:id', scopes: [training:run] }
      - { method: PUT, path: '/files/*', scopes: [training:run], body_bytes_max: 1000 }
      - { method: GET, path: '/files/*', scopes: [training:view] }
      - { method: GET, path: /open, scopes: [] }
`
}
