import { randomBytes } from 'node:crypto'
import type { TestGateway } from '../helpers/gateway.js'
import { emailOf, login, PASSWORD, type World } from '../helpers/world.js'
import { ownerOf, type Side } from './example-people.js'
import type { Example, Examples } from './examples.js'

/** Examples of the service itself, of login and logout, and of the caller's own profile. */
export function serviceExamples(gateway: TestGateway, world: World, side: Side): Examples {
  const { person: owner, id: owner_id } = ownerOf(world, side)
  const open = async (): Promise<Example> => ({ headers: {} })
  const as_user = { actor_kind: 'user', actor_id: owner_id } as const

  return {
    getLiveness: open,
    getReadiness: open,
    getKeySet: open,
    getOpenApiJson: open,
    getOpenApiYaml: open,
    getIndex: open,
    getProblemIndex: open,
    getProblemPage: async () => ({ headers: {}, params: { code: 'not_found' } }),

    login: async () => ({
      headers: {},
      body: { email: emailOf(owner), password: PASSWORD },
      event: {
        action: 'session.started',
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'session',
        tenant_id: null,
      },
    }),
    refresh: async () => ({
      headers: {},
      body: { refresh: (await login(gateway, owner)).refresh },
      event: {
        action: 'session.refreshed',
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'session',
        tenant_id: null,
      },
    }),
    logout: async () => ({
      headers: { authorization: `Bearer ${(await login(gateway, owner)).access}` },
      event: { ...as_user, action: 'session.ended', target_kind: 'session', tenant_id: null },
    }),
    register: async () => ({
      headers: {},
      body: { email: `new-${randomBytes(6).toString('hex')}@people.example`, password: PASSWORD, name: 'New' },
      event: {
        action: 'user.registered',
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'user',
        tenant_id: null,
      },
    }),

    getMe: async () => ({ headers: await world.bearer(owner) }),
    updateMe: async () => ({
      headers: await world.bearer(owner),
      body: { name: `The ${owner}` },
      event: { ...as_user, action: 'user.updated', target_kind: 'user', target_id: owner_id, tenant_id: null },
    }),
  }
}
