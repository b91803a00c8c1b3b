import { randomBytes, randomUUID } from 'node:crypto'
import type { Database, Row } from '../../src/kernel/database/database.js'
import type { TestGateway } from '../helpers/gateway.js'
import { type Answer, ask } from '../helpers/requests.js'
import type { Examples } from './examples.js'
import { type GuardedRoute, parametersOf, pathOf } from './route-table.js'

type Sql = (text: string) => Promise<Row[]>

/** The tables with rows of tenants, and the column that holds the tenant id, from the catalogue of the database. */
export async function tenantTables(sql: Sql): Promise<{ table: string; column: string }[]> {
  const rows = await sql(`
    select c.relname as "table", a.attname as "column" from pg_class c
    join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
      and a.attname = case c.relname when 'tenants' then 'id' else 'tenant_id' end
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`)
  return rows as { table: string; column: string }[]
}

/** The relations without row-level security. The test compares this independent query with the check at the start. */
export async function walllessTables(sql: Sql): Promise<string[]> {
  const tables = await sql(`
    select relname as name, relkind::text as kind, relrowsecurity as is_secured from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') order by 1`)
  const policies = await sql(`select tablename, policyname, roles::text as roles, qual, with_check from pg_policies
    where permissive = 'PERMISSIVE'`)
  const isolated = new Set((await tenantTables(sql)).map(({ table }) => table))
  return tables
    .filter(({ name, is_secured }) => {
      const own = policies.filter((policy) => policy.tablename === name)
      if (is_secured !== true || own.length === 0) return true
      const of_tenants = own.filter(({ roles }) => /gatehouse_tenant|public/.test(String(roles)))
      const is_bound = of_tenants.every(({ qual }) => String(qual).includes('current_tenant_id()'))
      return !is_bound || (isolated.has(String(name)) && of_tenants.length === 0)
    })
    .map(({ name }) => String(name))
}

/** The parts of a response that must be equal for two refusals. */
export function fingerprint({ status, headers, body, text }: Answer): string {
  const shown = [...headers].filter(([name]) => !/^(date|x-request-id|ratelimit|ratelimit-policy)$/.test(name))
  const { request_id: _request_id, ...rest } = body ?? {}
  return JSON.stringify([status, shown.sort(), body === undefined ? text : rest, Object.keys(body ?? {})])
}

/** Returns an unknown id in the same format. */
export function randomLike(id: string): string {
  return id.length === 12 ? randomBytes(9).toString('hex').slice(0, 12) : randomUUID()
}

/**
 * Sends requests to each route with ids of another tenant, one path parameter at a time and each kind of id in each
 * parameter. @returns where the response differs from the one for an unknown id
 */
export async function foreignIdViolations(
  gateway: TestGateway,
  routes: readonly GuardedRoute[],
  examples: Examples,
  foreign_ids: readonly string[],
): Promise<{ violations: string[]; asked: number }> {
  const violations: string[] = []
  let asked = 0
  for (const route of routes) {
    const example = await examples[route.operation_id]?.()
    if (example === undefined) {
      violations.push(`${route.name}: there is no example of it`)
      continue
    }
    const send = (params: Record<string, string>) =>
      ask(gateway, pathOf(route.url, params), {
        method: route.method,
        headers: { ...example.headers },
        body: example.body,
        form: example.form,
      })
    for (const parameter of parametersOf(route.url)) {
      // All unknown ids of one format get the same response, so one request for each format is enough.
      const missing_by_shape = new Map<number, Answer>()
      for (const id of foreign_ids) {
        const foreign = await send({ ...example.params, [parameter]: id })
        const missing =
          missing_by_shape.get(id.length) ?? (await send({ ...example.params, [parameter]: randomLike(id) }))
        missing_by_shape.set(id.length, missing)
        asked += 1
        const where = `${route.name} with ${parameter}=${id}`
        if (foreign.status < 400) violations.push(`${where}: ${foreign.status} ${foreign.text}`)
        if (fingerprint(foreign) !== fingerprint(missing)) {
          violations.push(`${where}: ${fingerprint(foreign)} is not ${fingerprint(missing)}`)
        }
      }
    }
  }
  return { violations, asked }
}

/** Runs a statement in a tenant's transaction and rolls it back. @returns its rows, or the SQLSTATE of its error */
export async function tried(database: Database, tenant_id: string, text: string): Promise<Row[] | string> {
  let rows: Row[] = []
  try {
    await database.transaction({ role: 'gatehouse_tenant', tenant_id }, async (run) => {
      rows = (await run({ text, values: [], row_mode: 'object' })) as Row[]
      throw new TakenBack()
    })
  } catch (error) {
    if (!(error instanceof TakenBack)) return String((error as { code?: string }).code)
  }
  return rows
}

class TakenBack extends Error {}
