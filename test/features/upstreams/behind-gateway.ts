import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type GatewayOptions, startGateway } from '../../helpers/gateway.js'
import { buildWorld } from '../../helpers/world.js'

/** An upstream as written in a manifest. The gateway validates it. */
export type Written = Readonly<Record<string, unknown>>

/** Writes a manifest into a folder that is removed after the test. JSON is valid YAML. */
export function writeManifest(t: Pick<Test, 'teardown'>, ...upstreams: readonly Written[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-upstreams-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'upstreams.yaml')
  writeFileSync(file, JSON.stringify({ upstreams }))
  return file
}

/** An upstream that takes every method and path below its prefix, from every caller with a key. */
export function everything(origin: string, more: Written = {}): Written {
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  return {
    name: 'hostile',
    prefix: '/hostile',
    origin,
    // No test may open the breaker by accident. A test of the breaker sets its own value.
    breaker: { failures: 1_000 },
    retries: 0,
    routes: methods.map((method) => ({ method, path: '/*', scopes: [], body_bytes_max: 2_147_483_648 })),
    ...more,
  }
}

/** The whole gateway with these upstreams. */
export async function startInFront(t: Test, upstreams: readonly Written[], options: GatewayOptions = {}) {
  const env = { UPSTREAMS_FILE: writeManifest(t, ...upstreams), ...options.env }
  const gateway = await startGateway({ ...options, env })
  t.teardown(() => gateway.close())
  return gateway
}

/** The whole gateway with these upstreams, and with the tenants and users of the tests. */
export async function startBehindGateway(t: Test, upstreams: readonly Written[], options: GatewayOptions = {}) {
  const gateway = await startInFront(t, upstreams, options)
  return { gateway, world: await buildWorld(gateway) }
}
