import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { emailOf, PASSWORD } from '../../helpers/world.js'
import { signIn, startConsole } from './console.js'

const NEW_PASSWORD = 'velvet-harbour-candle-93'

const { gateway, world, open, openAs, complaints } = await startConsole(t)
const { acme } = world

async function origins(): Promise<string[]> {
  return (await ask(gateway, `/v1/tenants/${acme.id}`, { headers: await world.bearer('owner') })).body.allowed_origins
}

t.test(
  'an origin is added and removed after a confirmation, and what is no origin is refused at its field',
  async (t) => {
    const page = await openAs('owner', `/t/${acme.id}/settings`)
    const field = page.getByLabel('Another origin')
    await field.fill('https://app.example.com/path')
    await page.getByRole('button', { name: 'Add the origin' }).click()
    await page.getByRole('alert').getByText('validation_failed').waitFor()
    t.equal(await field.getAttribute('aria-invalid'), 'true')
    await field.fill('https://app.example.com')
    await page.getByRole('button', { name: 'Add the origin' }).click()
    await page.getByRole('button', { name: 'Remove https://app.example.com' }).waitFor()
    t.same(await origins(), ['https://acme.example', 'https://app.example.com'])
    await page.getByRole('button', { name: 'Remove https://acme.example' }).click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('alertdialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Remove https://acme.example' }).waitFor({ state: 'detached' })
    t.same(await origins(), ['https://app.example.com'])
  },
)

t.test('another session of mine is ended, and its next request is refused', async (t) => {
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email: emailOf('lead'), password: PASSWORD } })
  const headers = { authorization: `Bearer ${body.access}` }
  const page = await openAs('lead', '/')
  await page.getByRole('link', { name: emailOf('lead') }).click()
  await page.getByText('this one').waitFor()
  await page.getByRole('button', { name: 'End' }).first().click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'End it' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' })
  t.match(await ask(gateway, '/v1/me', { headers }), { status: 401, body: { code: 'invalid_token' } })
})

t.test('the password changes, which ends the other sessions and not this one', async (t) => {
  const other = await openAs('agent', '/')
  const page = await openAs('agent', '/account')
  await page.getByLabel('Current password').fill('a wrong password of enough characters')
  await page.getByLabel('New password').fill(NEW_PASSWORD)
  await page.getByRole('button', { name: 'Change the password' }).click()
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Current password').fill(PASSWORD)
  await page.getByLabel('New password').fill(NEW_PASSWORD)
  await page.getByRole('button', { name: 'Change the password' }).click()
  await page.getByText('Your password has changed.').waitFor()
  await other.goto(`${gateway.url}/console/account`)
  await other.getByText('Your session has ended.').waitFor()
  await page.reload()
  await page.getByText('this one').waitFor()
  const fresh = await open('/')
  await signIn(fresh, 'agent', NEW_PASSWORD)
  await fresh.getByRole('link', { name: 'Acme ACMEMARK' }).waitFor()
  t.equal(await other.getByRole('button', { name: 'Sign out' }).count(), 0, 'the other session')
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
