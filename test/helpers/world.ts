import fastify from 'fastify'
import { v7 as uuidv7 } from 'uuid'
import { type AccessTokens, accessTokens } from '../../src/kernel/credentials/access-tokens.js'
import { openPasswords } from '../../src/kernel/credentials/passwords.js'
import { BUILT_IN_SCOPES } from '../../src/kernel/permissions/scope-catalogue.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import type { TestGateway } from './gateway.js'
import { acceptMembership } from './members.js'
import { makeOperator } from './operators.js'
import { ask } from './requests.js'
import { isEmpty, snapshotOf } from './snapshot.js'

export const PASSWORD = 'quartz-lantern-meadow-47'
const TEST = systemOrigin('test')

/** The users of the tests, each named by their role or state. */
export const PEOPLE = [
  'owner',
  'admin',
  'lead',
  'agent',
  'analyst',
  'pending',
  'disabled',
  'stranger',
  'other_owner',
  'operator',
] as const
export type Person = (typeof PEOPLE)[number]

const ROLE_OF: Partial<Record<Person, string>> = {
  admin: 'Admin',
  lead: 'Support Lead',
  agent: 'Agent',
  analyst: 'Analyst',
  pending: 'Agent',
  disabled: 'Agent',
}

export type World = Awaited<ReturnType<typeof buildWorld>>

/** The users and tenants of the first database, and the statements that insert their rows again. */
let made_before: { readonly people: People; readonly snapshot: string } | undefined

/**
 * Creates two tenants, Acme and Globex, and one user of each kind, with real passwords and keys. The stores create them
 * in the first database of a process, and later databases get copies of the rows. Rows of a tenant contain its marker
 * word, so that tests can search a response for rows of the other tenant.
 */
export async function buildWorld(gateway: TestGateway) {
  const { ids, ...tenants } = await people(gateway)
  const platform = gateway.stores.platform(() => TEST)
  const stores = {
    acme: gateway.stores.tenant(tenants.acme.id, () => TEST),
    globex: gateway.stores.tenant(tenants.globex.id, () => TEST),
  }
  const acme = { ...tenants.acme, store: stores.acme }
  const tokens = new Map<Person, string>()
  let issuer: Promise<AccessTokens> | undefined

  /** Starts a session without checking a password, and signs its token as the gateway does. */
  async function issue(person: Person): Promise<string> {
    const { clock, config, signing_keys } = gateway
    issuer ??= accessTokens(fastify(), signing_keys, config.public_url, config.access_token_seconds, clock.now)
    // Each call opens its own store, because several sessions may start at the same time.
    const store = gateway.stores.platform(() => TEST)
    const login = await store.read((readers) => readers.logins.find(emailOf(person), '127.0.0.1'))
    if (login === undefined) throw new Error(`${person} does not exist`)
    const { session_id } = await store.write('session.started', (writers) =>
      writers.sessions.start({
        login,
        address: '127.0.0.1',
        user_agent: null,
        lifetime_seconds: config.refresh_token_seconds,
      }),
    )
    return (await issuer).issue(ids[person], session_id).access
  }

  return {
    ids,
    acme,
    globex: { ...tenants.globex, store: stores.globex },
    platform,
    /** The access token of a person. Their session starts with the first call and stays for the whole file. */
    async token(person: Person): Promise<string> {
      const token = tokens.get(person) ?? (await issue(person))
      tokens.set(person, token)
      return token
    },
    /** The headers of a person in a tenant (Acme by default): bearer token, tenant id and key. */
    async as(person: Person, tenant: { id: string; key: string } = acme): Promise<Record<string, string>> {
      return { authorization: `Bearer ${await this.token(person)}`, ...keyHeaders(tenant) }
    },
    /** The header with the bearer token of a person, without a tenant. */
    async bearer(person: Person): Promise<Record<string, string>> {
      return { authorization: `Bearer ${await this.token(person)}` }
    },
    /** Creates a customer of a tenant (Acme by default). Its name contains the marker. */
    createCustomer(tenant: 'acme' | 'globex' = 'acme', wish: Partial<Parameters<typeof customerOf>[1]> = {}) {
      return stores[tenant].write('customer.created', (store) => store.customers.create(customerOf(tenant, wish)))
    },
  }
}

/** Creates the users and tenants in the first empty database, and copies their rows into later ones. */
async function people(gateway: TestGateway): Promise<People> {
  const { sql } = gateway
  if (!(await isEmpty(sql))) return makePeople(gateway)
  if (made_before === undefined) {
    const people = await makePeople(gateway)
    made_before = { people, snapshot: await snapshotOf(sql) }
  } else {
    await sql(made_before.snapshot)
  }
  return made_before.people
}

type People = Awaited<ReturnType<typeof makePeople>>

async function makePeople({ stores, sql }: TestGateway) {
  const platform = stores.platform(() => TEST)
  const passwords = await openPasswords()
  const password_hash = await passwords.hash(PASSWORD)
  const ids = {} as Record<Person, string>
  for (const person of PEOPLE) {
    const made = await platform.write('user.created', (store) =>
      store.users.create({ email: emailOf(person), name: `The ${person}`, password_hash, is_verified: true }),
    )
    ids[person] = made?.id as string
  }
  await makeOperator({ stores }, ids.operator)

  const acme = await createTenant('Acme ACMEMARK', ids.owner)
  const globex = await createTenant('Globex GLOBEXMARK', ids.other_owner)
  const acme_store = stores.tenant(acme.id, () => TEST)
  for (const [person, role] of Object.entries(ROLE_OF) as [Person, string][]) {
    await acme_store.write('member.added', (store) => store.members.add(ids[person], [role], BUILT_IN_SCOPES))
    if (person !== 'pending') await acceptMembership({ stores }, acme.id, ids[person])
  }
  await sql(`update memberships set state = 'disabled' where user_id = '${ids.disabled}'`)
  const integration = await acme_store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Integration', scopes: ['conversations:view', 'customers:edit'] }),
  )

  async function createTenant(name: string, owner_id: string) {
    const { tenant, key } = await platform.write('tenant.created', (store) =>
      store.tenants.create(
        { name, owner_id, allowed_origins: [`https://${name.split(' ')[0]?.toLowerCase()}.example`] },
        { name: 'First key', scopes: [] },
      ),
    )
    return { id: tenant.id, key: key as string }
  }
  return {
    ids,
    acme: { ...acme, integration_key: integration.key, integration_key_id: integration.record.id },
    globex,
  }
}

function customerOf(
  tenant: 'acme' | 'globex',
  wish: { name?: string; email?: string; phone?: string; tags?: string[] },
) {
  return { name: `${tenant === 'acme' ? 'ACMEMARK' : 'GLOBEXMARK'} ${uuidv7()}`, ...wish }
}

export function emailOf(person: Person): string {
  return `${person}@people.example`
}

/** The two headers of the tenant credentials. */
export function keyHeaders(tenant: { id: string; key: string }): Record<string, string> {
  return { 'x-tenant-id': tenant.id, 'x-tenant-api-key': tenant.key }
}

/** Logs a person in over HTTP. @throws if the gateway refuses */
export async function login(gateway: TestGateway, person: Person): Promise<{ access: string; refresh: string }> {
  const answer = await ask(gateway, '/v1/auth/login', { body: { email: emailOf(person), password: PASSWORD } })
  if (answer.status !== 200) throw new Error(`login of ${person}: ${answer.text}`)
  return answer.body
}
