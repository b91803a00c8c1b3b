import { v7 as uuidv7 } from 'uuid'
import { ALL_PRIVILEGES } from '../../src/contract/scopes.js'
import { openPasswords } from '../../src/kernel/credentials/passwords.js'
import { BUILT_IN_SCOPES } from '../../src/kernel/permissions/scope-catalogue.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import type { TestGateway } from './gateway.js'
import { ask } from './requests.js'

export const PASSWORD = 'quartz-lantern-meadow-47'
const TEST = systemOrigin('test')

/** Everybody whom the tests know, by what they are. */
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

/**
 * Two tenants, Acme and Globex, and everybody who could call: made through the stores, with real passwords and keys.
 * Rows of each tenant carry its marker word, so that one tenant's row in another's answer is found by looking for it.
 */
export async function buildWorld(gateway: TestGateway) {
  const platform = gateway.stores.platform(() => TEST)
  const passwords = await openPasswords()
  const password_hash = await passwords.hash(PASSWORD)
  const ids = {} as Record<Person, string>
  for (const person of PEOPLE) {
    const made = await platform.write('user.created', (store) =>
      store.users.create({ email: emailOf(person), name: `The ${person}`, password_hash, is_verified: true }),
    )
    ids[person] = made?.id as string
  }
  await platform.write('operator.created', (store) => store.operators.appoint(ids.operator, ALL_PRIVILEGES))

  const acme = await createTenant('Acme ACMEMARK', ids.owner)
  const globex = await createTenant('Globex GLOBEXMARK', ids.other_owner)
  const stores = { acme: storeOf(acme.id), globex: storeOf(globex.id) }
  const owner_holdings = {
    kind: 'user' as const,
    id: ids.owner,
    roles: [{ name: 'Owner', system_role: 'owner' as const, scopes: [] }],
    overrides: [],
  }
  for (const [person, role] of Object.entries(ROLE_OF) as [Person, string][]) {
    await stores.acme.write('member.added', (store) =>
      store.members.add({ user_id: ids[person] }, [role], owner_holdings, BUILT_IN_SCOPES),
    )
  }
  for (const state of ['pending', 'disabled'] as const) {
    await gateway.sql(`update memberships set state = '${state}' where user_id = '${ids[state]}'`)
  }
  const integration = await stores.acme.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Integration', scopes: ['conversations:view', 'customers:edit'] }),
  )

  function storeOf(tenant_id: string) {
    return gateway.stores.tenant(tenant_id, () => TEST)
  }
  async function createTenant(name: string, owner_id: string) {
    const { tenant, key } = await platform.write('tenant.created', (store) =>
      store.tenants.create(
        { name, owner_id, allowed_origins: [`https://${name.split(' ')[0]?.toLowerCase()}.example`] },
        { name: 'First key', scopes: [] },
      ),
    )
    return { id: tenant.id, key: key as string }
  }

  const tokens = new Map<Person, string>()
  return {
    ids,
    acme: { ...acme, integration_key: integration.key, integration_key_id: integration.record.id, store: stores.acme },
    globex: { ...globex, store: stores.globex },
    platform,
    /** The access token of a person, from a real login, kept for the file. */
    async token(person: Person): Promise<string> {
      const known = tokens.get(person)
      if (known !== undefined) return known
      const { access } = await login(gateway, person)
      tokens.set(person, access)
      return access
    },
    /** Headers of a request of a person in Acme: bearer, tenant and key. */
    async as(person: Person, tenant: { id: string; key: string } = acme): Promise<Record<string, string>> {
      return { authorization: `Bearer ${await this.token(person)}`, ...keyHeaders(tenant) }
    },
    /** Headers of a bearer alone. */
    async bearer(person: Person): Promise<Record<string, string>> {
      return { authorization: `Bearer ${await this.token(person)}` }
    },
    /** Makes a customer of Acme; its name carries the marker. */
    createCustomer(tenant: 'acme' | 'globex' = 'acme', wish: Partial<Parameters<typeof customerOf>[1]> = {}) {
      return stores[tenant].write('customer.created', (store) => store.customers.create(customerOf(tenant, wish)))
    },
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

/** The two headers of a tenant. */
export function keyHeaders(tenant: { id: string; key: string }): Record<string, string> {
  return { 'x-tenant-id': tenant.id, 'x-tenant-api-key': tenant.key }
}

/** A real login; throws when it fails. */
export async function login(gateway: TestGateway, person: Person): Promise<{ access: string; refresh: string }> {
  const answer = await ask(gateway, '/v1/auth/login', { body: { email: emailOf(person), password: PASSWORD } })
  if (answer.status !== 200) throw new Error(`login of ${person}: ${answer.text}`)
  return answer.body
}
