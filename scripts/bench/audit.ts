import pg from 'pg'
import { Opened } from './opened.js'
import { openScratch } from './scratch.js'
import { startGateway } from './servers.js'
import { inWords, sideBySide } from './side-by-side.js'
import type { Suite } from './suite.js'
import { buildWorld } from './world.js'

const EVENTS = 1_000_000
const PAGE = 1_000
const LIMIT = 50

/** Lists the audit of a tenant with a million events. A page far back must not cost more than the first page. */
export const audit: Suite = {
  name: 'audit',
  needs: 'PostgreSQL',
  async *run(flags, signal) {
    const opened = new Opened()
    try {
      const scratch = opened.add(await openScratch())
      const server = opened.add(await startGateway(scratch.gateway_url))
      const { tenant_id, owner, operator } = await buildWorld(scratch, server.url)
      await fillAudit(scratch.owner_url, tenant_id)
      const lists = [
        { path: `/v1/tenants/${tenant_id}/audit-events?limit=${LIMIT}`, headers: owner },
        { path: `/v1/platform/audit-events?limit=${LIMIT}`, headers: operator },
      ]
      for (const { path, headers } of lists) {
        const name = `GET ${path.replace(tenant_id, '{id}')}, ${EVENTS} events, page ${PAGE} to page 1`
        if (!name.includes(flags.only)) continue
        const far = await pathOfPage(server.url, path, headers)
        const sides = [
          { server, path: far, headers },
          { server, path, headers },
        ] as const
        const [back, first] = await sideBySide(sides, flags, signal)
        yield {
          name,
          measured: `page 1 ${inWords(first)} | page ${PAGE} ${inWords(back)}`,
          figure: back.rate / first.rate,
          unit: 'ratio',
          target: { at_least: 0.5, at_most: 2 },
        }
      }
    } finally {
      await opened.close()
    }
  },
}

/** Follows the list page by page, as a caller does, because only the gateway can make a cursor. */
async function pathOfPage(url: string, first: string, headers: Readonly<Record<string, string>>): Promise<string> {
  let path = first
  for (let page = 1; page < PAGE; page += 1) {
    const answer = await fetch(url + path, { headers })
    const { data, next_cursor } = (await answer.json()) as { data?: unknown[]; next_cursor?: string }
    if (data?.length !== LIMIT || !next_cursor) throw new Error(`page ${page} of ${first} is not whole`)
    path = `${first}&cursor=${next_cursor}`
  }
  return path
}

/** Appends events of several kinds to the chain of the tenant, in one statement as the owner of the tables. */
const FILL = `
  with recursive events (n, hash) as (
    select length, hash from audit_chains where tenant_id = $1
    union all
    select n + 1, sha256(hash || sha256((n + 1)::text::bytea)) from events
      where n < (select length from audit_chains where tenant_id = $1) + $2
  ),
  written as (
    insert into audit_events (id, tenant_id, action, actor_kind, actor_id, target_kind, target_id, changes, address,
      user_agent, request_id, created_at, chain_seq, digest, hash)
    select gen_random_uuid(), $1, (array['customer.created', 'customer.updated', 'customer.deleted'])[1 + n % 3], 'user',
      gen_random_uuid(), 'customer', gen_random_uuid(), '{"name":{"before":"Ada","after":"Ada Adeyemi"}}', '192.0.2.7',
      'curl/8.5.0', gen_random_uuid(), now() - make_interval(secs => (2000000 - n)), n, sha256(n::text::bytea), hash
    from events where n > (select length from audit_chains where tenant_id = $1) order by n
  )
  update audit_chains set length = n, hash = last.hash
  from (select n, hash from events order by n desc limit 1) last where tenant_id = $1`

async function fillAudit(owner_url: string, tenant_id: string): Promise<void> {
  const owner = new pg.Client(owner_url)
  await owner.connect()
  try {
    await owner.query(FILL, [tenant_id, EVENTS])
    await owner.query('vacuum analyze')
  } finally {
    await owner.end()
  }
}
