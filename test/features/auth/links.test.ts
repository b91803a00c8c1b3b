import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const MINUTE_MS = 60_000
const NEW = 'copper-violin-harbour-93'
const signing_keys = generateSigningKeys()
const DATA_DIR = t.testdir()
const env = { DATA_DIR, BUDGET_MAILBOX: '5/1800' }
const gateway = await startGateway({ signing_keys, env })
t.teardown(() => gateway.close())
const replica = await startGateway({ signing_keys, env, on: gateway.test_database })
t.teardown(() => replica.close())
const world = await buildWorld(gateway)

let requests = 0
const asked = async (email: string, at: { url: string } = gateway) => {
  const { status, text } = await ask(at, '/v1/auth/password-resets', { body: { email } })
  if (status !== 202) throw new Error(text)
  requests += 1
}
const reset = async (token: string, at: { url: string } = gateway) =>
  (await ask(at, `/v1/auth/password-resets/${token}`, { method: 'PUT', body: { password: NEW } })).status
const user = () => makeUser(gateway, world)
const advance = (ms: number) => {
  gateway.clock.advance(ms)
  replica.clock.advance(ms)
}
/** Waits until the gateways have done what follows their responses: a link for each request, or a line why there is none. */
async function settled(): Promise<void> {
  await until('the work after the responses', async () => {
    const made = await gateway.sql(`select from audit_events where action = 'user.password_reset_sent'`)
    const refused = [...gateway.lines, ...replica.lines].filter((line) => line.includes('link not mailed'))
    return made.length + refused.length === requests
  })
}
/** The tokens that were mailed to an address. A mail can arrive twice, when the clock moves past the lease of its sender. */
async function linksTo(email: string): Promise<string[]> {
  await settled()
  await until('the queue is empty', async () => (await gateway.sql('select from mails')).length === 0)
  const mails = await readMails(DATA_DIR)
  return [...new Set(mails.filter(({ to }) => to === email).map(({ token }) => token))]
}

// Attack: requests a reset for another user every 6 s, so that each link of the user ends before the user can open it.
t.test('the requests of a stranger end no link of the owner, and fill no mailbox', async (t) => {
  const { email } = await user()
  await asked(email)
  const [of_owner] = await linksTo(email)
  for (let request = 0; request < 40; request += 1) {
    await settled()
    advance(6_000)
    await asked(email, request % 2 === 0 ? gateway : replica)
  }
  const links = await linksTo(email)
  t.ok(links.length <= 3, `one link in 2 minutes: ${links.length} in 4`)
  t.equal(links[0], of_owner)
  t.equal(await reset(String(of_owner)), 204, 'the link of the owner, after 4 minutes')
  for (const link of links) t.equal(await reset(link), 404, 'every other link of the user')
})

t.test('a mailbox receives 5 reset mails in 30 minutes, and at any time one of their links works', async (t) => {
  const { id, email } = await user()
  const working = async () =>
    (
      await gateway.sql(`select from one_time_tokens where user_id = '${id}' and used_at is null
      and expires_at > '${new Date(gateway.clock.now()).toISOString()}'`)
    ).length
  for (let minute = 0; minute < 29; minute += 2) {
    await asked(email)
    await settled()
    t.ok((await working()) > 0, `a link works after ${minute} minutes`)
    advance(2 * MINUTE_MS)
  }
  t.equal((await linksTo(email)).length, 5)
  advance(MINUTE_MS)
  await asked(email)
  const links = await linksTo(email)
  t.equal(links.length, 6, 'the next window')
  t.equal(await reset(String(links.at(-1))), 204)
})

// Attack: asks for two links at once on two replicas, and keeps the second one for after the reset of the owner.
t.test('links that were requested at once on two replicas end together, and one of two uses succeeds', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const { id, email } = await user()
    await Promise.all([asked(email), asked(email, replica)])
    const links = await linksTo(email)
    t.equal(links.length, 1, 'two requests at once make one link')
    advance(2 * MINUTE_MS)
    await asked(email)
    const [one, other] = (await linksTo(email)) as [string, string]
    const statuses = await Promise.all([reset(one), reset(other, replica)])
    t.strictSame(statuses.sort(), [204, 404], 'two links used at once')
    t.equal((await gateway.sql(`select from one_time_tokens where user_id = '${id}' and used_at is null`)).length, 0)
  }
})
