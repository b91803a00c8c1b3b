import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALL_PRIVILEGES } from '../../contract/scopes.js'
import { ConfigurationError } from '../../kernel/config/env.js'
import { openPasswords } from '../../kernel/credentials/passwords.js'
import { BUILT_IN_SCOPES } from '../../kernel/permissions/scope-catalogue.js'
import { systemOrigin } from '../../kernel/store/audit-record.js'
import type { PlatformStore, Stores, TenantStore } from '../composition/stores.js'
import { seedConversations } from './conversations.js'
import { demoCustomers } from './people.js'

const FILE = 'demo.env'
const ACME_CUSTOMERS = 120
const GLOBEX_CUSTOMERS = 30

const DEMO = systemOrigin('demo')

type Variables = Record<string, string>

/** The demo: its credentials, and the file that holds them. */
export interface Demo {
  readonly variables: Readonly<Record<string, string>>
  readonly file: string
}

/**
 * Seeds an empty embedded database with two tenants. Passwords and keys are random. They are in `demo.env` next to the
 * database, with mode 0600, for the scripts in `scripts/curl`.
 *
 * @param tell is called when there is something to seed
 * @returns the demo of this folder; undefined when the database holds other data
 * @throws ConfigurationError when an earlier process exited before the demo was complete
 */
export async function seedDemo(
  stores: Stores,
  data_dir: string,
  public_url: string,
  tell: (step: string) => void = () => undefined,
): Promise<Demo | undefined> {
  const file = join(data_dir, FILE)
  const unfinished = `${file}.unfinished`
  const platform = stores.platform(() => DEMO)
  const { rows } = await platform.read((store) => store.platform_users.list({ limit: 1, after_id: undefined }))
  if (rows.length === 0) {
    tell('seeding the demo')
    writeFileSync(unfinished, '', { mode: 0o600 })
    writeFileSync(unfinished, writeVariables(await seed(stores, platform, public_url)))
    renameSync(unfinished, file)
  } else if (existsSync(unfinished)) {
    throw new ConfigurationError(
      `DATA_DIR: the demo in ${data_dir} was not finished; remove the folder and start again`,
    )
  }
  if (!existsSync(file)) return undefined
  const kept = readVariables(readFileSync(file, 'utf8'))
  const variables = { ...kept, GATEWAY_URL: public_url }
  // The port may differ from that of the last start.
  if (kept.GATEWAY_URL !== public_url) writeFileSync(file, writeVariables(variables))
  return { variables, file }
}

async function seed(stores: Stores, platform: PlatformStore, public_url: string): Promise<Variables> {
  const passwords = await openPasswords()
  const createUser = async (email: string, name: string) => {
    const password = randomBytes(18).toString('base64url')
    const password_hash = await passwords.hash(password)
    const user = await platform.write('user.created', (store) =>
      store.users.create({ email, name, password_hash, is_verified: true }),
    )
    if (user === undefined) throw new Error('two processes seeded the demo at the same time')
    return { id: user.id, email, password }
  }
  const operator = await createUser('operator@gatehouse.example', 'Olivia Operator')
  await platform.write('operator.offered', (store) => store.operators.offer(operator.id, ALL_PRIVILEGES))
  await platform.write('operator.accepted', (store) => store.own_appointment.accept(operator.id))
  const owner = await createUser('owner@acme.example', 'Anna Owner')
  const agent = await createUser('agent@acme.example', 'Arthur Agent')
  const analyst = await createUser('analyst@acme.example', 'Aylin Analyst')
  const stranger = await createUser('stranger@nowhere.example', 'Stan Stranger')
  const other_owner = await createUser('owner@globex.example', 'Gina Owner')

  const acme = await createTenant(platform, 'Acme', owner.id)
  const globex = await createTenant(platform, 'Globex', other_owner.id)
  const store = stores.tenant(acme.id, () => DEMO)
  const integration = await store.write('tenant_key.created', (writers) =>
    writers.keys.create({ name: 'Integration', scopes: ['conversations:view', 'customers:edit'] }),
  )
  for (const [user_id, role] of [
    [agent.id, 'Agent'],
    [analyst.id, 'Analyst'],
  ] as const) {
    await store.write('member.added', (writers) => writers.members.add(user_id, [role], BUILT_IN_SCOPES))
    await platform.write('member.accepted', (writers) =>
      writers.own_memberships.accept(acme.id, user_id, BUILT_IN_SCOPES),
    )
  }
  const customer_ids = await seedCustomers(store, ACME_CUSTOMERS, 'ACME')
  const speakers = { owner_id: owner.id, agent_id: agent.id, key_id: integration.record.id, customer_ids }
  await seedConversations(store, speakers)
  await seedCustomers(
    stores.tenant(globex.id, () => DEMO),
    GLOBEX_CUSTOMERS,
    'GLX',
  )

  return {
    GATEWAY_URL: public_url,
    TENANT_ID: acme.id,
    TENANT_API_KEY: acme.key,
    INTEGRATION_API_KEY: integration.key,
    OTHER_TENANT_ID: globex.id,
    OTHER_TENANT_API_KEY: globex.key,
    OPERATOR_EMAIL: operator.email,
    OPERATOR_PASSWORD: operator.password,
    OWNER_EMAIL: owner.email,
    OWNER_PASSWORD: owner.password,
    AGENT_EMAIL: agent.email,
    AGENT_PASSWORD: agent.password,
    ANALYST_EMAIL: analyst.email,
    ANALYST_PASSWORD: analyst.password,
    STRANGER_EMAIL: stranger.email,
    STRANGER_PASSWORD: stranger.password,
    OTHER_OWNER_EMAIL: other_owner.email,
    OTHER_OWNER_PASSWORD: other_owner.password,
  }
}

async function createTenant(
  platform: PlatformStore,
  name: string,
  owner_id: string,
): Promise<{ id: string; key: string }> {
  const { tenant, key } = await platform.write('tenant.created', (store) =>
    store.tenants.create({ name, owner_id }, { name: 'Web app', scopes: [] }),
  )
  return { id: tenant.id, key: key as string }
}

async function seedCustomers(store: TenantStore, count: number, prefix: string): Promise<string[]> {
  const ids: string[] = []
  for (const customer of demoCustomers(count, prefix)) {
    const { id } = await store.write('customer.created', (writers) => writers.customers.create(customer))
    ids.push(id)
  }
  return ids
}

function writeVariables(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function readVariables(text: string): Variables {
  const lines = text.split('\n').filter((line) => line.includes('='))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}
