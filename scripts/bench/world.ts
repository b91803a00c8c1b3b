import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { openStores } from '../../src/app/composition/stores.js'
import { ALL_PRIVILEGES } from '../../src/contract/scopes.js'
import { openPasswords } from '../../src/kernel/credentials/passwords.js'
import { openPooled } from '../../src/kernel/database/pooled.js'
import { BUILT_IN_SCOPES } from '../../src/kernel/permissions/scope-catalogue.js'
import { LEASE_BARRIER } from '../../src/kernel/replicas/barrier.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import { openBus } from '../../src/kernel/store/bus.js'
import type { Scratch } from './scratch.js'

const CUSTOMERS = 1_000
const PASSWORD = 'quartz-lantern-meadow-47'
const BENCH = systemOrigin('bench')

type Headers = Readonly<Record<string, string>>

/** The credentials of the callers, and the objects that they ask for. */
export interface World {
  /** A member with the role Agent: an access token, the tenant, and a key without scopes. */
  readonly user: Headers
  /** The tenant, and a key that holds the scopes itself. */
  readonly integration: Headers
  /** Another tenant, and a key that holds the scopes itself. */
  readonly neighbour: Headers
  readonly customer_id: string
  readonly tenant_id: string
  /** Only access tokens, for the management plane and the platform. */
  readonly owner: Headers
  readonly operator: Headers
}

/** Creates two tenants with customers through the stores, and logs in. Requests ask for one of the two tenants. */
export async function buildWorld({ gateway_url, owner_url }: Scratch, url: string): Promise<World> {
  const database = openPooled(gateway_url, 1, () => undefined)
  try {
    const stores = openStores({ database, clock: Date.now, bus: openBus(console.error), barrier: LEASE_BARRIER })
    const platform = stores.platform(() => BENCH)
    const password_hash = await (await openPasswords()).hash(PASSWORD)
    const createUser = async (email: string) => {
      const user = await platform.write('user.created', (store) =>
        store.users.create({ email, name: 'Somebody', password_hash, is_verified: true }),
      )
      return user?.id as string
    }
    const createTenant = async (name: string, owner_id: string) => {
      const { tenant, key } = await platform.write('tenant.created', (store) =>
        store.tenants.create({ name, owner_id }, { name: 'Web app', scopes: [] }),
      )
      return { 'x-tenant-id': tenant.id, 'x-tenant-api-key': key as string }
    }
    const owner_id = await createUser('owner@bench.example')
    const agent_id = await createUser('agent@bench.example')
    const operator_id = await createUser('operator@bench.example')
    await platform.write('operator.offered', (store) => store.operators.offer(operator_id, ALL_PRIVILEGES))
    await platform.write('operator.accepted', (store) => store.own_appointment.accept(operator_id))
    const acme = await createTenant('Acme', owner_id)
    const globex = await createTenant('Globex', owner_id)
    const store = stores.tenant(acme['x-tenant-id'], () => BENCH)
    await store.write('member.added', (writers) => writers.members.add(agent_id, ['Agent'], BUILT_IN_SCOPES))
    await platform.write('member.accepted', (writers) =>
      writers.own_memberships.accept(acme['x-tenant-id'], agent_id, BUILT_IN_SCOPES),
    )
    const integrationOf = async (tenant_id: string) => {
      const { key } = await stores
        .tenant(tenant_id, () => BENCH)
        .write('tenant_key.created', (writers) =>
          writers.keys.create({ name: 'Integration', scopes: ['conversations:view', 'customers:edit'] }),
        )
      return { 'x-tenant-id': tenant_id, 'x-tenant-api-key': key }
    }
    const [customer_id] = await insertCustomers(owner_url, [acme['x-tenant-id'], globex['x-tenant-id']])
    const bearer = async (name: string) => ({ authorization: `Bearer ${await login(url, `${name}@bench.example`)}` })
    return {
      user: { ...acme, ...(await bearer('agent')) },
      integration: await integrationOf(acme['x-tenant-id']),
      neighbour: await integrationOf(globex['x-tenant-id']),
      customer_id: customer_id as string,
      tenant_id: acme['x-tenant-id'],
      owner: await bearer('owner'),
      operator: await bearer('operator'),
    }
  } finally {
    await database.close()
  }
}

/** Inserts all rows in one statement and collects statistics, so that the planner does not change its plan during a round. */
async function insertCustomers(owner_url: string, tenant_ids: readonly string[]): Promise<string[]> {
  const now = new Date().toISOString()
  const rows = tenant_ids.flatMap((tenant_id) =>
    Array.from({ length: CUSTOMERS }, (_, number) => ({
      tenant_id,
      id: uuidv7(),
      name: `Ada Adeyemi ${number}`,
      email: `ada.adeyemi${number}@example.com`,
      phone: number % 3 === 0 ? null : `+49151${10_000_000 + number}`,
      external_id: `A-${1_000 + number}`,
      tags: ['newsletter', 'returning'].slice(number % 3),
      metadata: { city: 'Oslo', orders: number % 40 },
      version: 1,
      created_at: now,
      updated_at: now,
    })),
  )
  const owner = new pg.Client(owner_url)
  await owner.connect()
  try {
    const text = 'insert into customers select * from jsonb_populate_recordset(null::customers, $1)'
    await owner.query(text, [JSON.stringify(rows)])
    await owner.query('vacuum analyze')
  } finally {
    await owner.end()
  }
  return rows.map((row) => row.id)
}

async function login(url: string, email: string): Promise<string> {
  const answer = await fetch(`${url}/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: PASSWORD }),
  })
  if (!answer.ok) throw new Error(`login: ${answer.status}`)
  return ((await answer.json()) as { access: string }).access
}
