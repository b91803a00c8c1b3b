import type { Test } from 'tap'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { makeUser } from '../guards/examples.js'
import { startGateway } from '../helpers/gateway.js'
import { joinTenant } from '../helpers/members.js'
import { type Ask, ask } from '../helpers/requests.js'
import { buildWorld, keyHeaders, PASSWORD } from '../helpers/world.js'

export const DENIED = '403 tenant_access_denied'
export const SCOPELESS = '403 insufficient_scope'
export const BAD_KEY = '401 invalid_tenant_credentials'
export const BAD_TOKEN = '401 invalid_token'
/** The outcome of a request that passed. */
export const ALLOWED = 'allowed'

type Headers = Record<string, string>
export type Probe = () => Promise<string>

/** Opens two replicas on one database. `change` uses the first one, and `outcome` sends a request to both. */
export async function openReplicas() {
  const signing_keys = generateSigningKeys()
  const gateway = await startGateway({ signing_keys })
  const replica = await startGateway({ signing_keys, on: gateway.test_database })
  const world = await buildWorld(gateway)
  const { acme } = world
  const owner = await world.bearer('owner')
  const of_acme = `/v1/tenants/${acme.id}`

  /** Sends a request to both replicas. @returns their common outcome, or both outcomes if they differ */
  async function outcome(path: string, headers: Headers): Promise<string> {
    const answers = await Promise.all([gateway, replica].map((each) => ask(each, path, { headers })))
    const [one, other] = answers.map(({ status, body }) => (status < 300 ? ALLOWED : `${status} ${body?.code}`))
    return one === other ? String(one) : `${one} | ${other}`
  }

  /** Sends a change to the first replica. @throws if the replica refuses it */
  async function change(headers: Headers, method: string, path: string, more: Ask = {}) {
    const answer = await ask(gateway, path, { ...more, method, headers: { ...headers, ...more.headers } })
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body
  }

  async function logIn(email: string, password = PASSWORD): Promise<Headers> {
    const { access } = await change({}, 'POST', '/v1/auth/login', { body: { email, password } })
    return { authorization: `Bearer ${access}` }
  }

  return {
    gateway,
    replica,
    world,
    owner,
    of_acme,
    operator: await world.bearer('operator'),
    outcome,
    change,
    logIn,
    newUser: () => makeUser(gateway, world),
    /** Creates a key of Acme that may read customers. */
    newKey: async (): Promise<{ id: string; key: string }> =>
      change(owner, 'POST', `${of_acme}/keys`, { body: { name: 'Probed', scopes: ['conversations:view'] } }),
    /** Creates a member of Acme and logs them in. */
    async newMember(roles = ['Agent']) {
      const user = await makeUser(gateway, world)
      await joinTenant(gateway, owner, acme.id, { user_id: user.id, roles })
      return { ...user, path: `${of_acme}/members/${user.id}`, headers: await logIn(user.email) }
    },
    byKey:
      (key: string, tenant_id = acme.id) =>
      () =>
        outcome('/v1/customers', keyHeaders({ id: tenant_id, key })),
    byUser: (headers: Headers) => () => outcome('/v1/customers', { ...headers, ...keyHeaders(acme) }),
    async close() {
      await replica.close()
      await gateway.close()
    },
  }
}

/** Runs each step and then the probe, without a pause, so that the next request must show the effect of the step. */
export async function eachInTurn(
  t: Test,
  probe: Probe,
  steps: readonly (readonly [what: string, act: () => Promise<unknown>, expected: string])[],
): Promise<void> {
  t.equal(await probe(), ALLOWED, 'at first')
  for (const [what, act, expected] of steps) {
    await act()
    t.equal(await probe(), expected, what)
  }
}
