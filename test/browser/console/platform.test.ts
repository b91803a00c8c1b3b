import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { emailOf, keyHeaders } from '../../helpers/world.js'
import { startConsole } from './console.js'

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme, globex, ids } = world

async function tenant(id: string) {
  return (await ask(gateway, `/v1/platform/tenants/${id}`, { headers: await world.bearer('operator') })).body
}

/** The status of a request with a key of a tenant that holds no scopes. */
async function codeWith(of: { id: string; key: string }): Promise<string> {
  return (await ask(gateway, '/v1/customers', { headers: keyHeaders(of) })).body.code
}

t.test('an operator creates a tenant, whose Owner is offered the membership', async (t) => {
  const page = await openAs('operator', '/platform/tenants')
  await page.getByRole('button', { name: 'New tenant' }).click()
  await page.getByLabel('Name').fill('Initech')
  await page.getByLabel('Email of the Owner').fill(emailOf('stranger'))
  await page.getByRole('button', { name: 'Create the tenant' }).click()
  await page.getByRole('heading', { name: 'Initech' }).waitFor()
  const { body } = await ask(gateway, '/v1/me', { headers: await world.bearer('stranger') })
  t.match(body.pending_memberships, [{ tenant: { name: 'Initech' }, roles: ['Owner'] }])
})

t.test('the plan of a tenant changes', async (t) => {
  const page = await openAs('operator', `/platform/tenants/${globex.id}`)
  await page.getByLabel('Plan').fill('large')
  await page.getByLabel('Requests per minute').fill('5000')
  await page.getByRole('button', { name: 'Save the plan' }).click()
  await until('the plan is saved', async () => (await tenant(globex.id)).plan === 'large')
  t.match(await tenant(globex.id), { plan: 'large', requests_per_minute: 5_000, trial_ends_at: null })
})

t.test('a tenant is suspended with a reason and an end, and activated', async (t) => {
  const page = await openAs('operator', `/platform/tenants/${globex.id}`)
  await page.getByRole('button', { name: 'Suspend' }).click()
  await page.getByLabel('Reason').fill('invoice of March is open')
  await page.getByLabel('Until').fill('2099-01-01T12:00')
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click()
  await page.getByText('invoice of March is open').waitFor()
  t.equal(await codeWith(globex), 'tenant_suspended')
  t.match(await tenant(globex.id), { suspended_until: /^2099-01-01T/ })
  await page.getByRole('button', { name: 'Activate' }).click()
  await page.getByRole('button', { name: 'Suspend' }).waitFor()
  t.equal(await codeWith(globex), 'insufficient_scope')
})

t.test('a lockdown needs the typed name of the tenant, and revokes its keys', async (t) => {
  const page = await openAs('operator', `/platform/tenants/${globex.id}`)
  await page.getByRole('button', { name: 'Lock down' }).click()
  const dialog = page.getByRole('alertdialog')
  const button = dialog.getByRole('button', { name: 'Lock down' })
  t.ok(await button.isDisabled(), 'before the name is typed')
  await dialog.getByRole('textbox').fill('Globex')
  t.ok(await button.isDisabled(), 'with a part of the name')
  t.equal(await codeWith(globex), 'insufficient_scope')
  await dialog.getByRole('textbox').fill('Globex GLOBEXMARK')
  await button.click()
  await page.getByText('1 keys were revoked.').waitFor()
  t.equal(await codeWith(globex), 'invalid_tenant_credentials')
})

t.test('a user is disabled after a confirmation, and enabled', async (t) => {
  const token = await world.bearer('agent')
  const page = await openAs('operator', '/platform/users')
  await page.getByRole('link', { name: 'The agent' }).click()
  await page.getByRole('button', { name: 'Disable' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Disable' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Enable' }).waitFor()
  t.equal((await ask(gateway, '/v1/me', { headers: token })).status, 401)
  await page.getByRole('button', { name: 'Enable' }).click()
  await page.getByRole('button', { name: 'Disable' }).waitFor()
  const { body } = await ask(gateway, `/v1/platform/users/${ids.agent}`, { headers: await world.bearer('operator') })
  t.equal(body.disabled_at, null)
  await page.getByRole('button', { name: 'End a login pause' }).click()
  await page.getByText('The user can try to log in again at once.').waitFor()
})

t.test('a member who is no operator sees no page of the platform, and is refused by the API', async (t) => {
  const page = await openAs('owner', `/platform/tenants/${acme.id}`)
  await page.getByRole('alert').getByText('platform_access_denied').waitFor()
  t.equal(await page.getByRole('navigation').getByRole('link', { name: 'Tenants' }).count(), 0)
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
