import { randomBytes } from 'node:crypto'
import type { Action } from '../../src/kernel/store/actions.js'
import type { TestGateway } from '../helpers/gateway.js'
import { keyHeaders, type World } from '../helpers/world.js'
import { conversationExamples } from './conversation-examples.js'
import { ownerOf, type Side } from './example-people.js'
import { managementExamples } from './management-examples.js'
import { operatorExamples } from './operator-examples.js'
import { serviceExamples } from './service-examples.js'
import { tenantExamples } from './tenant-examples.js'
import { userExamples } from './user-examples.js'

/** A request that succeeds, and the event that it must record if it is a write. */
export interface Example {
  readonly headers: Readonly<Record<string, string>>
  readonly params?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** The fields of a form, for a page. */
  readonly form?: Readonly<Record<string, string>>
  readonly event?: ExpectedEvent
  /** The event of a second write of the same request. */
  readonly second_event?: ExpectedEvent
}

export interface ExpectedEvent {
  readonly action: Action
  readonly actor_kind: 'user' | 'key' | 'operator' | 'anonymous'
  readonly actor_id: string | null
  readonly target_kind: string
  /** Undefined if the response holds the id. */
  readonly target_id?: string
  /** Undefined if the response holds the id of the tenant. */
  readonly tenant_id?: string | null
  /** Whether the event records no address and no user agent. */
  readonly is_confidential?: boolean
}

/** By operation id, functions that create the rows which the request needs. Each can be called many times. */
export type Examples = Readonly<Record<string, () => Promise<Example>>>

/** Creates a user for one example, with the password of all test users. */
export async function makeUser(gateway: TestGateway, world: World): Promise<{ id: string; email: string }> {
  const email = `user-${randomBytes(6).toString('hex')}@people.example`
  const [row] = await gateway.sql(`select password_hash from users where id = '${world.ids.owner}'`)
  const user = await world.platform.write('user.created', (store) =>
    store.users.create({ email, name: 'Somebody', password_hash: String(row?.password_hash), is_verified: true }),
  )
  return { id: user?.id as string, email }
}

/**
 * One request that succeeds for each route, by operation id. The guards fail for a route without an example, because
 * they could not test it.
 */
export function examplesOf(gateway: TestGateway, world: World, side: Side = 'acme'): Examples {
  const own = world[side]
  const { person, id } = ownerOf(world, side)
  const tenant = () => world.as(person, own)
  const as_user = { actor_kind: 'user', actor_id: id } as const
  const customer = async () => (await world.createCustomer(side)).id
  const onCustomer = async (action: Action, body?: unknown): Promise<Example> => {
    const target_id = await customer()
    const event = { ...as_user, action, target_kind: 'customer', target_id, tenant_id: own.id }
    return { headers: await tenant(), params: { id: target_id }, body, event }
  }

  return {
    ...serviceExamples(gateway, world, side),
    ...tenantExamples(gateway, world, side),
    ...managementExamples(gateway, world, side),
    ...userExamples(gateway, world, side),
    ...operatorExamples(gateway, world, side),
    ...conversationExamples(gateway, world, side),
    getAccess: async () => ({ headers: await tenant() }),
    listDirectory: async () => ({ headers: await tenant() }),
    listCustomers: async () => ({ headers: await tenant() }),
    getCustomer: async () => ({ headers: await tenant(), params: { id: await customer() } }),
    exportCustomer: async () => ({ headers: await tenant(), params: { id: await customer() } }),
    createCustomer: async () => ({
      headers: await tenant(),
      body: { name: 'Example' },
      event: { ...as_user, action: 'customer.created', target_kind: 'customer', tenant_id: own.id },
    }),
    updateCustomer: () => onCustomer('customer.updated', { tags: ['changed'] }),
    deleteCustomer: () => onCustomer('customer.deleted'),
  }
}

/** The headers of an integration: a key alone, with scopes. */
export function integrationOf(world: World): Record<string, string> {
  return keyHeaders({ id: world.acme.id, key: world.acme.integration_key })
}
