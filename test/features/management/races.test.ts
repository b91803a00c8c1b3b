import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { linkMail } from '../../helpers/link-mails.js'
import { acceptMembership, joinTenant } from '../../helpers/members.js'
import { seededRandom } from '../../helpers/random.js'
import { type Answer, ask, untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders, PASSWORD } from '../../helpers/world.js'

// The same attacks as in late-login, late-change, own-key and inviters, without a held transaction: two replicas run as
// they are, and a filled queue of password hashes delays some requests. Chance finds what nobody thought of holding.

/** Rounds of each attack. RACE_ROUNDS=200 for a long run. */
const ROUNDS = Number(process.env.RACE_ROUNDS ?? 2)
/** As many logins at once as one gateway hashes and lets wait. */
const LOGINS = 18

const signing_keys = generateSigningKeys()
const gateway = await startGateway({ signing_keys })
const replica = await startGateway({ signing_keys, on: gateway.test_database })
const replicas = [gateway, replica] as const
t.teardown(async () => {
  await replica.close()
  await gateway.close()
})
t.setTimeout(0)
const world = await buildWorld(gateway)
const operator = await world.bearer('operator')
const owner = await world.bearer('owner')
const random = seededRandom(t)

type Headers = Record<string, string>
const bearer = (access: string): Headers => ({ authorization: `Bearer ${access}` })
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
/** Lets a random number of turns of the event loop pass, so that requests overlap differently in each round. */
async function pause(): Promise<void> {
  for (let turns = Math.floor(random() * 40); turns > 0; turns -= 1) await new Promise(setImmediate)
}
const send = (on: { url: string }, headers: Headers, method: string, path: string, body?: unknown): Promise<Answer> =>
  untilDecided(() => ask(on, path, { method, headers, body }))
async function change(headers: Headers, method: string, path: string, body?: unknown) {
  const answer = await send(oneOf(replicas), headers, method, path, body)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}
const login = (on: { url: string }, email: string) => ask(on, '/v1/auth/login', { body: { email, password: PASSWORD } })
const signIn = async (email: string) => bearer((await untilDecided(() => login(gateway, email))).body.access)

/** Fills the queue of hashes of a replica. */
const fillHashes = (on: { url: string }) => Array.from({ length: LOGINS }, () => login(on, 'nobody@people.example'))

const NEW = 'copper-violin-harbour-93'

/** A tenant with an Admin who is signed in. */
async function scene() {
  const made = { name: 'Raced', owner_email: emailOf('owner') }
  const { id } = await change(operator, 'POST', '/v1/platform/tenants', made)
  await acceptMembership(gateway, id, world.ids.owner)
  const admin = await makeUser(gateway, world)
  await joinTenant(gateway, owner, id, { user_id: admin.id, roles: ['Admin'] })
  return { id, path: `/v1/tenants/${id}`, admin, headers: await signIn(admin.email) }
}

/** The actions in the audit of a tenant, each with its actor, in the order of their commits. */
const eventsOf = (tenant_id: string) =>
  gateway.sql(`select action, actor_id from audit_events where tenant_id = '${tenant_id}' order by chain_seq`)

/** What ends every session of a user. Each returns what to do when all logins are answered. */
const ENDERS: readonly ((user: { id: string }) => Promise<() => Promise<unknown>>)[] = [
  async ({ id }) => {
    await change(operator, 'POST', `/v1/platform/users/${id}/disable`)
    return () => change(operator, 'POST', `/v1/platform/users/${id}/enable`)
  },
  async ({ id }) => {
    const mail = linkMail()
    await world.platform.write('user.password_reset_sent', (store) => store.password_resets.issue(id, mail))
    // 404 after a 503 of the deadline, which does not stop the change. If there was no change, the logins stay alive.
    const reset = await send(oneOf(replicas), {}, 'PUT', `/v1/auth/password-resets/${mail.token()}`, { password: NEW })
    if (reset.status !== 204 && reset.status !== 404) throw new Error(reset.text)
    return async () => undefined
  },
]

// Attack: a thief logs in with the old password at two replicas while their user is disabled or sets a new password.
t.test('401 of logins that race with the end of all sessions, none stays signed in', async (t) => {
  const seen = { granted: 0, refused: 0, alive: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    const user = await makeUser(gateway, world)
    const logins = replicas.flatMap((on) => Array.from({ length: LOGINS }, () => login(on, user.email)))
    await pause()
    const afterwards = await oneOf(ENDERS)(user)
    const answers = await Promise.all(logins)
    await afterwards()
    for (const { status, body } of answers) {
      seen[status === 200 ? 'granted' : 'refused'] += 1
      if (status !== 200) continue
      if ((await send(oneOf(replicas), bearer(body.access), 'GET', '/v1/me')).status === 200) seen.alive += 1
    }
    const left = await gateway.sql(`select id from sessions where user_id = '${user.id}' and ended_at is null`)
    seen.alive += left.length
  }
  t.comment(JSON.stringify(seen))
  t.equal(seen.alive, 0)
  t.equal(seen.granted + seen.refused, ROUNDS * replicas.length * LOGINS)
})

// Attack: a thief rotates a key with a leaked secret at one replica while its owner rotates it at the other one.
t.test('201 403 of rotations of one key at two replicas, one returns the only new secret', async (t) => {
  const { id: tenant_id, path } = await scene()
  let wrong = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, key } = await change(owner, 'POST', `${path}/keys`, { name: 'Raced' })
    const asKey = (on: { url: string }, secret: string, way: string, overlap_seconds?: number) =>
      send(on, keyHeaders({ id: tenant_id, key: secret }), way === '' ? 'GET' : 'POST', `/v1/key${way}`, {
        ...(overlap_seconds !== undefined && { overlap_seconds }),
      })
    const noise = replicas.flatMap(fillHashes)
    const overlaps = random() < 0.5 ? [0, 600] : [600, 0]
    const rotations = await Promise.all(
      overlaps.map(async (overlap, index) => {
        await pause()
        return asKey(replicas[index % 2] as (typeof replicas)[number], key, '/rotate', overlap)
      }),
    )
    const made = rotations.filter(({ status }) => status === 201)
    if (made.length !== 1) wrong += 1
    for (const { body } of made) {
      const own = await ask(oneOf(replicas), '/v1/key', { headers: keyHeaders({ id: tenant_id, key: body.key }) })
      if (own.status !== 200) wrong += 1
    }
    await Promise.all(noise)
    await change(owner, 'DELETE', `${path}/keys/${id}`)
  }
  t.equal(wrong, 0)
})

// Attack: an Admin whose rights end keeps requests under way at both replicas: they invite, and the guest accepts.
t.test('nothing that a member does or offers is in the audit after the end of their rights', async (t) => {
  const seen = { before: 0, after: 0, accepted_late: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, path, admin, headers } = await scene()
    const guest = await makeUser(gateway, world)
    const guest_headers = await signIn(guest.email)
    const [other, target] = [await makeUser(gateway, world), await makeUser(gateway, world)]
    await joinTenant(gateway, owner, id, { user_id: target.id, roles: ['Agent'] })
    await change(headers, 'POST', `${path}/members`, { user_id: guest.id, roles: ['Admin'] })
    const noise = replicas.flatMap(fillHashes)
    const acts: Promise<Answer>[] = replicas.flatMap((on, index) => [
      send(on, headers, 'POST', `${path}/keys`, { name: 'Late', scopes: ['audit:view'] }),
      send(on, headers, 'PATCH', `${path}/members/${target.id}`, { roles: [index === 0 ? 'Admin' : 'Agent'] }),
      send(on, headers, 'POST', `${path}/roles`, { name: `Late ${index}`, scopes: ['audit:view'] }),
      send(on, headers, 'POST', `${path}/members`, { user_id: other.id, roles: ['Admin'] }),
      send(on, guest_headers, 'POST', `/v1/me/memberships/${id}/accept`),
    ])
    await pause()
    const member = `${path}/members/${admin.id}`
    const end = oneOf([
      () => change(owner, 'PATCH', member, { roles: ['Agent'] }),
      () => change(owner, 'DELETE', member),
    ])
    await end()
    await Promise.all([...acts, ...noise])
    const events = await eventsOf(id)
    const ended_at = events.findLastIndex(
      ({ action, actor_id }) => actor_id === world.ids.owner && /^member\.(updated|removed)$/.test(String(action)),
    )
    for (const [position, { action, actor_id }] of events.entries()) {
      // Refusals are in the audit too, some seconds later.
      if (actor_id === admin.id && action !== 'request.refused') seen[position < ended_at ? 'before' : 'after'] += 1
      if (actor_id === guest.id && action === 'member.accepted' && position > ended_at) seen.accepted_late += 1
    }
  }
  t.comment(JSON.stringify(seen))
  t.match(seen, { after: 0, accepted_late: 0 })
  t.ok(seen.before >= ROUNDS, 'the offer of each round, at least')
})
