import { decodeJwt } from 'jose'
import type { Claims } from '../../src/kernel/authz/facts.js'
import { parseTenantKey } from '../../src/kernel/credentials/tenant-key.js'
import { load, type Measured } from './load.js'
import { writeManifest } from './manifest.js'
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
 * One service behind four gateways: this one with all checks, the proxy plugin of Fastify without checks, nginx without
 * checks, and express-gateway with its check of a key. All get the same request and keep their connections. The fifth is
 * the least gateway that reads rights for each request. Its numbers are the limit of what this gateway can reach.
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
      const claims = JSON.stringify(claimsOf(user))
      const variables = { ORIGIN: origin.url, DATABASE_URL: scratch.gateway_url, CLAIMS: claims }
      const least = opened.add(await startScript('proxies/least.ts', variables))

      const wanted = { path: PATH, headers: { ...user, ...EXPRESS_GATEWAY_HEADERS } }
      // After this, the connections to the database are open.
      for (const { url } of [gateway, least]) await load(url, wanted, WARM_UP, signal)
      await pinBackends(scratch.owner_url)
      const side = (server: Server) => ({ ...wanted, server })
      const sides = [side(gateway), side(bare), side(nginx), side(express), side(least)] as const
      const measured = await sideBySide(sides, flags, signal)
      yield* rowsOf(...measured)
    } finally {
      await opened.close()
    }
  },
}

/** A measurement with its name. */
type Named = readonly [name: string, measured: Measured]

function* rowsOf(
  ours: Measured,
  theirs: Measured,
  of_nginx: Measured,
  of_express: Measured,
  of_least: Measured,
): Iterable<Row> {
  const gateway: Named = ['gateway', ours]
  const bare: Named = ['bare @fastify/http-proxy', theirs]
  const express: Named = ['express-gateway with key-auth', of_express]
  const least: Named = ['the least', of_least]
  yield row(gateway, bare, 1.0)
  yield row(gateway, express, 8)
  yield row(gateway, ['bare nginx', of_nginx])
  yield row(gateway, least)
  // The targets above cannot be higher than these numbers.
  yield row(least, bare)
  yield row(least, express)
}

function row([name, one]: Named, [other_name, other]: Named, at_least?: number): Row {
  return {
    name: `${name} / ${other_name}`,
    measured: `${name} ${inWords(one)} | ${other_name} ${inWords(other)}`,
    figure: one.rate / other.rate,
    unit: 'ratio',
    target: { at_least },
  }
}

/** The claims of a caller, as the pipeline reads them from its headers. */
function claimsOf(headers: Readonly<Record<string, string>>): Claims {
  const { sub, sid } = decodeJwt(String(headers.authorization).replace('Bearer ', ''))
  return {
    tenant_id: String(headers['x-tenant-id']),
    key_id: parseTenantKey(String(headers['x-tenant-api-key']))?.id ?? null,
    session_id: String(sid),
    user_id: String(sub),
  }
}
