import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load, type Measured } from './load.js'
import { Opened } from './opened.js'
import { EXPRESS_GATEWAY_HEADERS, startExpressGateway } from './proxies/express-gateway.js'
import { startNginx } from './proxies/nginx.js'
import { openScratch, pinBackends } from './scratch.js'
import { type Server, startBehind, startGateway, startScript } from './servers.js'
import { inWords, sideBySide } from './side-by-side.js'
import type { Row, Suite } from './suite.js'
import { buildWorld } from './world.js'

const PATH = '/bench/items'
const WARM_UP = { seconds: 1, connections: 16 }

/**
 * One service behind four gateways: ours with all of its checks, the plugin that Fastify offers with none, nginx with
 * none, and express-gateway with its check of a key. All of them get the same request and keep their connections.
 */
export const upstream: Suite = {
  name: 'upstream',
  needs: 'PostgreSQL, nginx, and npm for express-gateway',
  async *run(flags, signal) {
    const opened = new Opened()
    try {
      const scratch = opened.add(await openScratch())
      const origin = opened.add(await startBehind('proxies/origin.ts', {}))
      const manifest = opened.add(writeManifest(origin.url))
      const gateway = opened.add(await startGateway(scratch.gateway_url, { UPSTREAMS_FILE: manifest.file }))
      const bare = opened.add(await startScript('proxies/http-proxy.ts', { ORIGIN: origin.url }))
      const nginx = opened.add(await startNginx(origin.url))
      const express = opened.add(await startExpressGateway(origin.url))
      const { user } = await buildWorld(scratch, gateway.url)

      const wanted = { path: PATH, headers: { ...user, ...EXPRESS_GATEWAY_HEADERS } }
      // The gateway's connections to the database are there after that.
      await load(gateway.url, wanted, WARM_UP, signal)
      await pinBackends(scratch.owner_url)
      const side = (server: Server) => ({ ...wanted, server })
      const sides = [side(gateway), side(bare), side(nginx), side(express)] as const
      const measured = await sideBySide(sides, flags, signal)
      yield* rowsOf(...measured)
    } finally {
      await opened.close()
    }
  },
}

function* rowsOf(gateway: Measured, bare: Measured, nginx: Measured, express: Measured): Iterable<Row> {
  const row = (name: string, other: Measured, at_least?: number): Row => ({
    name: `gateway / ${name}`,
    measured: `gateway ${inWords(gateway)} | ${name} ${inWords(other)}`,
    figure: gateway.rate / other.rate,
    unit: 'ratio',
    target: { at_least },
  })
  yield row('bare @fastify/http-proxy', bare, 1.0)
  yield row('express-gateway with key-auth', express, 8)
  yield row('bare nginx', nginx)
}

/** The service, as an operator would declare it; the route asks for a scope that the caller's role holds. */
function writeManifest(origin: string) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const file = join(folder, 'upstreams.yaml')
  writeFileSync(
    file,
    `upstreams:
  - name: bench
    prefix: /bench
    origin: ${origin}
    routes:
      - { method: GET, path: /items, scopes: [conversations:view] }
`,
  )
  return { file, close: async () => rmSync(folder, { recursive: true, force: true }) }
}
