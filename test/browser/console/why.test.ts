import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { startConsole } from './console.js'

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme, ids } = world
const why = `/t/${acme.id}/why`
const customers = encodeURIComponent('/v1/customers')

async function explained(question: { user_id?: string; key_id?: string }, path = '/v1/customers') {
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/access/explain`, {
    headers: await world.bearer('owner'),
    body: { method: 'GET', path, ...question },
  })
  return body as { allowed: boolean; detail: string }
}

t.test('by keyboard alone: an Owner finds a member, reads why a 403 is one, and grants one scope', async (t) => {
  const page = await openAs('owner', why)
  await page.getByRole('heading', { name: 'Why?' }).waitFor()
  const { keyboard } = page
  await page.getByLabel('Whose request').focus()
  await keyboard.press('ArrowDown')
  await keyboard.press('Tab')
  await keyboard.type('analyst')
  await page.getByRole('option', { name: 'The analyst' }).waitFor()
  await keyboard.press('ArrowDown')
  await keyboard.press('Enter')
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.type('/v1/customers')
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Refused' }).waitFor()
  const { detail } = await explained({ user_id: ids.analyst })
  await page.getByText(detail).waitFor()
  t.match(new URL(page.url()).search, new RegExp(`user_id=${ids.analyst}.*path=`), 'the question in the URL')

  await page.getByRole('button', { name: 'Grant only conversations:view' }).focus()
  await keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.getByLabel('Reason').focus()
  await keyboard.type('covers for Arthur this week')
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Allowed, on conditions' }).waitFor()
  t.equal((await explained({ user_id: ids.analyst })).allowed, true)
  const [override] = await gateway.sql(`select reason from overrides where user_id = '${ids.analyst}'`)
  t.match(override, { reason: 'covers for Arthur this week' })
})

t.test('a link to a question shows its answer, and a role of the answer is given', async (t) => {
  const page = await openAs(
    'owner',
    `${why}?user_id=${ids.agent}&method=GET&path=${encodeURIComponent(`/v1/tenants/${acme.id}/usage`)}`,
  )
  await page.getByRole('button', { name: 'Give the role Analyst' }).click()
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  t.equal((await explained({ user_id: ids.agent }, `/v1/tenants/${acme.id}/usage`)).allowed, true)
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/members/${ids.agent}`, {
    headers: await world.bearer('owner'),
  })
  t.same(body.roles, ['Agent', 'Analyst'])
})

t.test('a deny is removed after a confirmation, and a disabled member is enabled', async (t) => {
  await ask(gateway, `/v1/tenants/${acme.id}/members/${ids.lead}/overrides/conversations:view`, {
    method: 'PUT',
    headers: await world.bearer('owner'),
    body: { effect: 'deny', reason: 'on leave' },
  })
  const page = await openAs('owner', `${why}?user_id=${ids.lead}&method=GET&path=${customers}`)
  await page.getByRole('button', { name: 'Remove the override on conversations:view' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByRole('heading', { name: 'Allowed, on conditions' }).waitFor()
  t.equal((await explained({ user_id: ids.lead })).allowed, true)

  await page.goto(`${gateway.url}/console${why}?user_id=${ids.disabled}&method=GET&path=${customers}`)
  await page.getByRole('link', { name: 'tenant_access_denied' }).waitFor()
  await page.getByRole('button', { name: 'Enable this member' }).click()
  await page.getByRole('heading', { name: 'Allowed, on conditions' }).waitFor()
  t.equal((await explained({ user_id: ids.disabled })).allowed, true)
})

t.test('a key gets the missing scope', async (t) => {
  const { record } = await acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Narrow', scopes: [] }),
  )
  const page = await openAs('owner', why)
  await page.getByLabel('Whose request').selectOption('A key alone')
  await page.getByLabel('Key', { exact: true }).fill('Narrow')
  await page.getByRole('option', { name: 'Narrow' }).click()
  await page.getByLabel('Path').fill('/v1/customers')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('button', { name: 'Give the key conversations:view' }).click()
  await page.getByRole('heading', { name: 'Allowed, on conditions' }).waitFor()
  t.equal((await explained({ key_id: record.id })).allowed, true)
})

t.test('a member without users:manage asks only about themselves, and gets no buttons', async (t) => {
  const page = await openAs('analyst', `${why}?method=POST&path=${customers}`)
  await page.getByText('A member with the scope users:manage can change this.').waitFor()
  t.same(await page.getByLabel('Whose request').locator('option').allTextContents(), [
    'My own',
    'A request that was refused',
  ])
  t.equal(await page.getByRole('button', { name: /^(Give|Grant)/ }).count(), 0)
  await page.goto(`${gateway.url}/console${why}?user_id=${ids.owner}&method=GET&path=${customers}`)
  await page.getByRole('alert').getByText('users:manage').first().waitFor()
})

t.test('a refused request is explained by its id: what was decided, and what would be decided now', async (t) => {
  const { status } = await ask(gateway, `/v1/tenants/${acme.id}/keys`, {
    headers: { ...(await world.bearer('agent')), 'x-request-id': 'ticket-4711' },
  })
  t.equal(status, 403)
  const page = await openAs('owner', why)
  await page.getByLabel('Whose request').selectOption('A request that was refused')
  await page.getByLabel('Request id').fill('ticket-4711')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('heading', { name: 'The gateway refused it: Insufficient scope' }).waitFor()
  await page.getByText(`GET /v1/tenants/:tenant_id/keys`).first().waitFor()
  await page.getByRole('button', { name: 'Give the role Admin' }).waitFor()
  t.equal(new URL(page.url()).search, '?request_id=ticket-4711')
  await page.goto(`${gateway.url}/console${why}?request_id=unknown`)
  await page.getByRole('alert').getByText('request').first().waitFor()
})

t.test('a path that no route has is refused in the words of the API', async (t) => {
  const page = await openAs('owner', `${why}?method=GET&path=${encodeURIComponent('/nowhere')}`)
  await page.getByRole('alert').getByText('No route has this method and path.').waitFor()
  t.equal(await page.getByRole('heading', { name: 'Refused' }).count(), 0)
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
