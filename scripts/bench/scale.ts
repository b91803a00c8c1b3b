import { setTimeout as rest } from 'node:timers/promises'
import pg from 'pg'
import { FactMemory } from '../../src/kernel/authz/fact-memory.js'
import { type Facts, NO_FACTS } from '../../src/kernel/authz/facts.js'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { costInWords, cpuSideBySide } from './cpu.js'
import { load } from './load.js'
import { writeManifest } from './manifest.js'
import { Opened } from './opened.js'
import { openScratch, pinBackends, settle } from './scratch.js'
import { startBehind, startGateway } from './servers.js'
import type { Row, Suite } from './suite.js'
import { buildWorld } from './world.js'

const SMALL = { tenants: 10, keys: 100, customers: 20_000 }
const LARGE = { tenants: 100_000, keys: 1_000_000, customers: 2_000_000 }
const CALLERS = 1_000_000
const MIB = 1_048_576
/** The system writes the new rows to the disk meanwhile. Without this pause, the large side had 0.82 to 0.90 of the rate of the small one. */
const AFTER_FILLING_MS = 45_000

/** What grows with the number of tenants, keys, customers and callers, and should not. */
export const scale: Suite = {
  name: 'scale',
  needs: 'PostgreSQL and 3 GB for it',
  async *run(flags, signal) {
    yield memoryOfCallers()
    const opened = new Opened()
    try {
      const origin = opened.add(await startBehind('proxies/origin.ts', {}))
      const manifest = opened.add(writeManifest(origin.url))
      const open = async (sizes: typeof SMALL) => {
        const scratch = opened.add(await openScratch())
        const env = { JWT_SIGNING_KEYS: generateSigningKeys(), UPSTREAMS_FILE: manifest.file }
        const server = opened.add(await startGateway(scratch.gateway_url, env))
        const { user } = await buildWorld(scratch, server.url)
        await fill(scratch.owner_url, sizes)
        await settle(scratch.owner_url)
        return { scratch, server, headers: user }
      }
      const small = await open(SMALL)
      const large = await open(LARGE)
      await rest(AFTER_FILLING_MS, undefined, { signal })
      for (const path of ['/v1/customers?limit=20', '/bench/items']) {
        if (!`GET ${path}`.includes(flags.only)) continue
        const sides = [
          { path, headers: large.headers, server: large.server },
          { path, headers: small.headers, server: small.server },
        ] as const
        for (const side of sides) await load(side.server.url, side, { ...flags, seconds: 1 }, signal)
        for (const { scratch } of [small, large]) await pinBackends(scratch.owner_url)
        const { ours, theirs, rate_ratio } = await cpuSideBySide(sides, flags, signal)
        yield {
          name: `GET ${path}, ${LARGE.tenants} tenants / ${SMALL.tenants}`,
          measured: `large ${costInWords(ours)} | small ${costInWords(theirs)}`,
          figure: rate_ratio,
          unit: 'ratio',
          target: { at_least: 0.95 },
        }
      }
    } finally {
      await opened.close()
    }
  },
}

/** Adds tenants with their keys and customers, in statements of the database alone. */
async function fill(owner_url: string, { tenants, keys, customers }: typeof SMALL): Promise<void> {
  const owner = new pg.Client(owner_url)
  await owner.connect()
  try {
    await owner.query(`set synchronous_commit = off;
      create temporary table filler as select gen_random_uuid() as id, number from generate_series(0, ${tenants - 1}) as number;
      create unique index on filler (number);
      insert into tenants (id, name, created_at) select id, 'Tenant ' || number, now() from filler;
      insert into tenant_keys (tenant_id, id, name, secret_digest, secret_last_four, secret_created_at, created_at)
        select filler.id, 'filler' || key, 'Key', sha256(key::text::bytea), '0000', now(), now()
        from generate_series(1, ${keys}) as key join filler on filler.number = key % ${tenants};
      insert into customers (tenant_id, id, name, email, external_id, tags, created_at, updated_at)
        select filler.id, gen_random_uuid(), 'Customer ' || customer, 'customer' || customer || '@example.com',
          'C-' || customer, '{newsletter}', now(), now()
        from generate_series(1, ${customers}) as customer join filler on filler.number = customer % ${tenants}`)
  } finally {
    await owner.end()
  }
}

/** Remembers the facts of many callers, each of which is asked for once. */
function memoryOfCallers(): Row {
  const memory = new FactMemory()
  const before = process.memoryUsage().rss
  for (let caller = 0; caller < CALLERS; caller += 1) {
    const tenant_id = `01a22b8b-21e3-74bd-9e65-${String(caller % 100_000).padStart(12, '0')}`
    memory.put({ tenant_id, key_id: `key${caller}`, session_id: null, user_id: null }, factsOf(tenant_id, caller))
  }
  const grown = (process.memoryUsage().rss - before) / MIB
  return {
    name: `facts of ${CALLERS} callers`,
    measured: `${memory.size} are remembered`,
    figure: grown,
    unit: 'MiB',
    target: { at_most: 300 },
  }
}

function factsOf(tenant_id: string, caller: number): Facts {
  const role = {
    name: 'Agent',
    system_role: null,
    scopes: Array.from({ length: 12 }, (_, index) => `scope-${index}:${caller}`),
  }
  const tenant = { id: tenant_id, name: `Tenant ${caller}`, allowed_origins: [], requests_per_minute: null }
  return {
    ...NO_FACTS,
    tenant: { ...tenant, trial_ends_at: null, suspended_at: null, suspended_until: null },
    membership: { roles: [role], overrides: [] },
  } as unknown as Facts
}
