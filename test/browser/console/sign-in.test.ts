import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { emailOf } from '../../helpers/world.js'
import { signIn, startConsole } from './console.js'

const HOUR_MS = 3_600_000

const { gateway, world, open, openAs, openTab, complaints } = await startConsole(t)
const { acme, ids } = world
const why = `/t/${acme.id}/why`

/** Every request that reached the gateway: method and path. */
const arrived: string[] = []
gateway.app.server.on('request', ({ method, url }) => void arrived.push(`${method} ${url}`))

t.test(
  'a link to a page leads to it after the login, and a wrong password is refused in the words of the API',
  async (t) => {
    const page = await open(why)
    await page.getByLabel('Email').fill(emailOf('owner'))
    await page.getByLabel('Password').fill('a wrong password of enough characters')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const problem = page.getByRole('alert')
    await problem.getByText('The email and password do not match an active user.').waitFor()
    t.match(await problem.innerText(), /Request [\w-]{36}/, 'the id of the request')
    const link = problem.getByRole('link', { name: 'invalid_credentials' })
    t.equal(await link.getAttribute('href'), '/problems/invalid_credentials')

    await signIn(page, 'owner')
    await page.getByRole('heading', { name: 'Why?' }).waitFor()
    t.equal(new URL(page.url()).pathname, `/console${why}`)
    t.same(await page.context().cookies(), [], 'cookies')
  },
)

t.test('a reload and a second tab continue the session without a login', async (t) => {
  const page = await openAs('owner', '/')
  await page.reload()
  await page.getByRole('heading', { name: 'Your tenants' }).waitFor()
  const tab = await openTab(page, why)
  await tab.getByRole('heading', { name: 'Why?' }).waitFor()
  t.equal(await page.evaluate('localStorage.length'), 0, 'what outlives the tab')

  // Each of the two renews the token of both: a refresh token that is used twice would end the session.
  for (let round = 1; round <= 3; round += 1) {
    gateway.clock.advance(HOUR_MS)
    for (const each of [page, tab]) {
      await each.reload()
      await each.getByRole('button', { name: 'Sign out' }).waitFor()
    }
  }
})

t.test('one refresh renews the token of all requests that wait', async (t) => {
  const page = await openAs('owner', why)
  await page.getByRole('heading', { name: 'Why?' }).waitFor()
  gateway.clock.advance(HOUR_MS)
  const before = arrived.length
  // The page of a question asks for several things at once, each with the expired token.
  await page.getByLabel('Path').fill('/v1/customers')
  await page.getByLabel('Whose request').selectOption('member')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('heading', { name: 'Allowed, on conditions' }).waitFor()
  const lines = arrived.slice(before)
  t.equal(lines.filter((line) => line === 'POST /v1/auth/refresh').length, 1, lines.join('\n'))
})

t.test('a revoked session leads to the login with the reason, and the login back to the page', async (t) => {
  const page = await openAs('agent', '/')
  await page.getByRole('link', { name: 'Acme ACMEMARK' }).click()
  await page.getByLabel('Path').fill('/v1/customers')
  await revokeSessionsOf('agent')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('Your session has ended.').waitFor()
  await page.getByRole('alert').getByText('invalid_refresh_token').waitFor()
  await signIn(page, 'agent')
  await page.getByRole('heading', { name: 'Allowed, on conditions' }).waitFor()
  t.match(page.url(), /why\?method=GET&path=/, 'the question in the URL')
})

t.test('signing out revokes the session at the gateway, in every tab', async (t) => {
  const page = await openAs('lead', '/')
  const tab = await openTab(page, '/')
  await tab.getByRole('heading', { name: 'Your tenants' }).waitFor()
  const logout = page.waitForRequest((request) => request.url().endsWith('/v1/auth/logout'))
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('You are signed out.').waitFor()
  await tab.getByText('Another tab signed out.').waitFor()
  const authorization = (await (await logout).headerValue('authorization')) as string
  t.match(await ask(gateway, '/v1/me', { headers: { authorization } }), {
    status: 401,
    body: { code: 'invalid_token' },
  })
  for (const each of [page, tab]) {
    await each.reload()
    await each.getByRole('heading', { name: 'Sign in' }).waitFor()
    t.equal(await each.evaluate('sessionStorage.length'), 0, 'what the browser remembers')
  }
})

t.test('a user without a tenant reads the next step, and a foreign tenant is refused by the API', async (t) => {
  const page = await openAs('stranger', '/')
  await page.getByText(`invite ${emailOf('stranger')}`).waitFor()
  await page.goto(`${gateway.url}/console${why}`)
  await page.getByRole('alert').getByText('The user is not an active member of this tenant.').waitFor()
  t.equal(await page.getByRole('button', { name: 'Explain' }).count(), 0)
})

t.test('an offered membership is accepted, and the tenant is in the choice', async (t) => {
  const page = await openAs('pending', '/')
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.getByRole('link', { name: 'Acme ACMEMARK' }).waitFor()
  await page.getByLabel('Tenant').selectOption({ label: 'Acme ACMEMARK' })
  await page.getByRole('heading', { name: 'Why?' }).waitFor()
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/members/${ids.pending}`, {
    headers: await world.bearer('owner'),
  })
  t.equal(body.state, 'active')
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})

/** Revokes every other session of a person, as they can do it from another device. */
async function revokeSessionsOf(person: 'agent') {
  const headers = await world.bearer(person)
  const { body } = await ask(gateway, '/v1/me/sessions', { headers })
  for (const { id, is_current } of body.data) {
    if (!is_current) await ask(gateway, `/v1/me/sessions/${id}`, { method: 'DELETE', headers })
  }
}
