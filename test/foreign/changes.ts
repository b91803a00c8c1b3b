import { makeUser } from '../guards/examples.js'
import { joinTenant } from '../helpers/members.js'
import { PASSWORD } from '../helpers/world.js'
import type { GatewayProcess } from '../process/gateway-process.js'
import type { Headers, Replicas } from './replicas.js'

/** One change, and what every replica must answer after it. */
export interface Step {
  readonly what: string
  readonly act: (on: GatewayProcess) => Promise<unknown>
  readonly probe: (on: GatewayProcess) => Promise<string>
  readonly expected: string
}

const NEXT_PASSWORD = 'violet-harbour-candle-93'
const ALLOWED = 'allowed'
const BAD_KEY = '401 invalid_tenant_credentials'
const BAD_TOKEN = '401 invalid_token'
const DENIED = '403 tenant_access_denied'
const SCOPELESS = '403 insufficient_scope'

/**
 * Every kind of change of rights, as a function that makes new subjects and returns the changes of one round in their order.
 * After the last one the subject is not used again.
 */
export async function kindsOfChanges({ maker, world, processes, change, outcome, keyHeaders }: Replicas) {
  const first = processes[0] as GatewayProcess
  const owner = await world.bearer('owner')
  const operator = await world.bearer('operator')
  const of_acme = `/v1/tenants/${world.acme.id}`
  const scopes = ['conversations:view']

  const logIn = async (email: string, password = PASSWORD): Promise<Headers> => {
    const { access } = await change(first, {}, 'POST', '/v1/auth/login', { body: { email, password } })
    return { authorization: `Bearer ${access}` }
  }
  const newKey = async (): Promise<{ id: string; key: string }> =>
    change(first, owner, 'POST', `${of_acme}/keys`, { body: { name: 'Probed', scopes } })
  // One after another, because a store runs one transaction at a time.
  let making: Promise<unknown> = Promise.resolve()
  const newUser = (): ReturnType<typeof makeUser> => {
    const made = making.then(() => makeUser(maker, world))
    making = made.catch(() => undefined)
    return made
  }
  const newMember = async (roles = ['Agent']) => {
    const user = await newUser()
    await joinTenant(maker, owner, world.acme.id, { user_id: user.id, roles })
    return { ...user, path: `${of_acme}/members/${user.id}`, headers: await logIn(user.email) }
  }
  const byKey = (key: string, tenant_id?: string) => (on: GatewayProcess) =>
    outcome(on, '/v1/access', keyHeaders(key, tenant_id))
  const byUser = (headers: Headers) => (on: GatewayProcess) =>
    outcome(on, '/v1/conversations?limit=1', { ...headers, ...keyHeaders(world.acme.key) })
  const as = (headers: Headers, method: string, path: string, more?: object) => (on: GatewayProcess) =>
    change(on, headers, method, path, more)

  const kinds: Record<string, () => Promise<readonly Step[]>> = {
    async key() {
      const { id, key } = await newKey()
      const path = `${of_acme}/keys/${id}`
      const probe = byKey(key)
      const set = (body: object) => as(owner, 'PATCH', path, { body })
      return [
        { what: 'disabled', act: set({ disabled: true }), probe, expected: BAD_KEY },
        { what: 'enabled', act: set({ disabled: false }), probe, expected: ALLOWED },
        { what: 'narrowed', act: set({ allowed_cidrs: ['192.0.2.0/24'] }), probe, expected: '403 address_not_allowed' },
        { what: 'widened', act: set({ allowed_cidrs: null }), probe, expected: ALLOWED },
        { what: 'revoked', act: as(owner, 'DELETE', path), probe, expected: BAD_KEY },
      ]
    },
    async rotation() {
      const { id, key } = await newKey()
      const act = as(owner, 'POST', `${of_acme}/keys/${id}/rotate`, { body: { overlap_seconds: 0 } })
      return [{ what: 'rotated', act, probe: byKey(key), expected: BAD_KEY }]
    },
    async member() {
      const { path, headers } = await newMember()
      const probe = byUser(headers)
      const set = (body: object) => as(owner, 'PATCH', path, { body })
      const override = `${path}/overrides/conversations:view`
      const deny = as(owner, 'PUT', override, { body: { effect: 'deny', reason: 'Leaving' } })
      return [
        { what: 'role taken', act: set({ roles: ['Analyst'] }), probe, expected: SCOPELESS },
        { what: 'role given', act: set({ roles: ['Agent'] }), probe, expected: ALLOWED },
        { what: 'denied', act: deny, probe, expected: SCOPELESS },
        { what: 'deny removed', act: as(owner, 'DELETE', override), probe, expected: ALLOWED },
        { what: 'disabled', act: set({ state: 'disabled' }), probe, expected: DENIED },
        { what: 'enabled', act: set({ state: 'active' }), probe, expected: ALLOWED },
        { what: 'removed', act: as(owner, 'DELETE', path), probe, expected: DENIED },
      ]
    },
    async role() {
      const name = `Probed ${Math.random()}`
      const { id } = await change(first, owner, 'POST', `${of_acme}/roles`, { body: { name, scopes } })
      const probe = byUser((await newMember([name])).headers)
      const path = `${of_acme}/roles/${id}`
      const set = (scopes: string[]) => as(owner, 'PATCH', path, { headers: { 'if-match': '*' }, body: { scopes } })
      return [
        { what: 'scope taken', act: set(['agents:view']), probe, expected: SCOPELESS },
        { what: 'scope given', act: set(scopes), probe, expected: ALLOWED },
        {
          what: 'role deleted',
          act: as(owner, 'DELETE', path, { headers: { 'if-match': '*' } }),
          probe,
          expected: SCOPELESS,
        },
      ]
    },
    async session() {
      const { email, headers } = await newMember()
      const other = await logIn(email)
      const probe = byUser(other)
      const body = { current_password: PASSWORD, new_password: NEXT_PASSWORD }
      const third = await logIn(email)
      return [
        { what: 'logged out', act: as(other, 'POST', '/v1/auth/logout'), probe, expected: BAD_TOKEN },
        {
          what: 'password changed',
          act: as(headers, 'PUT', '/v1/me/password', { body }),
          probe: byUser(third),
          expected: BAD_TOKEN,
        },
      ]
    },
    async user() {
      const { id, headers } = await newMember()
      const act = as(operator, 'POST', `/v1/platform/users/${id}/disable`)
      return [{ what: 'user disabled', act, probe: byUser(headers), expected: BAD_TOKEN }]
    },
    async operator() {
      const { id, email } = await newUser()
      const path = `/v1/platform/operators/${id}`
      const appointed = { body: { privileges: ['platform:tenants:view'] } }
      await change(first, operator, 'PUT', path, appointed)
      const headers = await logIn(email)
      await change(first, headers, 'POST', '/v1/me/operator/accept')
      const probe = (on: GatewayProcess) => outcome(on, '/v1/platform/tenants?limit=1', headers)
      return [
        {
          what: 'privilege taken',
          act: as(operator, 'PUT', path, { body: { privileges: ['platform:users:view'] } }),
          probe,
          expected: '403 platform_access_denied',
        },
        { what: 'dismissed', act: as(operator, 'DELETE', path), probe, expected: '403 platform_access_denied' },
      ]
    },
    async tenant() {
      const { id: owner_id, email } = await newUser()
      const { id } = await change(first, operator, 'POST', '/v1/platform/tenants', {
        body: { name: 'Probed', owner_id },
      })
      const headers = await logIn(email)
      await change(first, headers, 'POST', `/v1/me/memberships/${id}/accept`)
      const { key } = await change(first, headers, 'POST', `/v1/tenants/${id}/keys`, {
        body: { name: 'Probed', scopes },
      })
      const probe = byKey(key, id)
      const act = (name: string, body?: object) =>
        as(operator, 'POST', `/v1/platform/tenants/${id}/${name}`, body === undefined ? {} : { body })
      return [
        { what: 'suspended', act: act('suspend', { reason: 'Unpaid' }), probe, expected: '403 tenant_suspended' },
        { what: 'activated', act: act('activate'), probe, expected: ALLOWED },
        { what: 'locked down', act: act('lockdown'), probe, expected: BAD_KEY },
      ]
    },
  }
  return kinds
}
