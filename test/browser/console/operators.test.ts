import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { emailOf } from '../../helpers/world.js'
import { startConsole } from './console.js'

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme } = world

t.test('an appointment is offered, accepted by the user, changed and ended', async (t) => {
  const page = await openAs('operator', '/platform/operators')
  await page.getByRole('button', { name: 'Offer an appointment' }).click()
  await page.getByLabel('User', { exact: true }).fill('stranger')
  await page.getByRole('option', { name: 'The stranger' }).click()
  await page.getByLabel('platform:audit:view').check()
  await page.getByRole('button', { name: 'Make the offer' }).click()
  await page.getByRole('rowheader', { name: 'An offer' }).waitFor()

  const user = await openAs('stranger', '/')
  t.equal(await user.getByRole('navigation').getByRole('link').count(), 0, 'pages before the consent')
  await user.getByText('to become an operator of the platform with: platform:audit:view').waitFor()
  await user.getByRole('button', { name: 'Accept' }).click()
  await user.getByRole('link', { name: 'Audit of the platform' }).click()
  await user.getByRole('rowheader', { name: 'operator.accepted' }).first().waitFor()
  t.equal(await user.getByRole('link', { name: 'Users' }).count(), 0, 'a page without its privilege')

  await page.reload()
  await page.getByRole('button', { name: 'Change The stranger' }).click()
  await page.getByLabel('platform:users:view').check()
  await page.getByRole('button', { name: 'Save the privileges' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  const me = async () => (await ask(gateway, '/v1/me', { headers: await world.bearer('stranger') })).body
  t.same([...(await me()).privileges].sort(), ['platform:audit:view', 'platform:users:view'])

  await page.getByRole('button', { name: 'Dismiss The stranger' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Dismiss' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Dismiss The stranger' }).waitFor({ state: 'detached' })
  t.same((await me()).privileges, [])
})

t.test('the last operator who can appoint others stays, in the words of the API', async (t) => {
  const page = await openAs('operator', '/platform/operators')
  await page.getByRole('button', { name: 'Dismiss The operator' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Dismiss' }).click()
  await page.getByRole('alertdialog').getByRole('alert').getByText('last_operator').waitFor()
  const { body } = await ask(gateway, '/v1/me', { headers: await world.bearer('operator') })
  t.ok(body.privileges.includes('platform:operators:manage'))
})

t.test('the overview has totals, growth as a plot and its table, and the load of each tenant', async (t) => {
  await gateway.sql(`insert into usage_hours
    values ('${acme.id}', date_trunc('hour', now() - '2 hours'::interval), '', 'GET /v1/customers', 200, '', 1234, 9, 9)`)
  const page = await openAs('operator', '/platform/overview')
  await page.locator('canvas').waitFor()
  await page.getByRole('row', { name: /Acme ACMEMARK.*1,234/ }).waitFor()
  await page.getByText('The values of “New tenants and users a day” as a table').click()
  const rows = await page.getByRole('figure').locator('.table-frame tbody tr').allInnerTexts()
  const { body } = await ask(gateway, '/v1/platform/analytics/growth', { headers: await world.bearer('operator') })
  const users = body.data.reduce((sum: number, row: { users: number }) => sum + row.users, 0)
  t.equal(
    rows.reduce((sum, row) => sum + Number(row.split('\t').at(-1)), 0),
    users,
  )
})

t.test('the audit of the platform has filters in its URL', async (t) => {
  const page = await openAs('operator', `/platform/audit?action=session.started`)
  await page.getByRole('rowheader', { name: 'session.started' }).first().waitFor()
  t.equal(await page.getByLabel('Action').inputValue(), 'session.started')
  await page.getByRole('button', { name: 'Show all' }).click()
  await page.getByRole('rowheader', { name: 'operator.removed' }).first().waitFor()
  t.notMatch(await page.locator('main').innerText(), emailOf('stranger'))
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
