import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const TIMEOUT_MS = 5_000

/** The page that Prometheus reads. */
export interface MetricsPage {
  page(): Promise<string>
  readonly content_type: string
}

export interface MetricsServer {
  readonly address: string | AddressInfo | null
  close(): void
}

/**
 * Serves the metrics on a port of their own, on loopback by default. They are for the operator of the gateway, so the port
 * of the API never serves them.
 */
export async function openMetricsServer(metrics: MetricsPage, host: string, port: number): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    // Scrapers add parameters, and monitors ask with HEAD, whose response Node sends without the body.
    if ((request.method !== 'GET' && request.method !== 'HEAD') || path !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.page().then(
      (page) => response.writeHead(200, { 'content-type': metrics.content_type }).end(page),
      () => response.writeHead(500).end(),
    )
  })
  server.requestTimeout = TIMEOUT_MS
  server.headersTimeout = TIMEOUT_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    address: server.address(),
    close() {
      // In this order, or a connection that arrives between the two would stay open.
      server.close()
      server.closeAllConnections()
    },
  }
}
