import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { startConsole } from './console.js'

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme, ids } = world
const roles = `/t/${acme.id}/roles`

interface RoleRead {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
}

async function roleNamed(name: string): Promise<RoleRead | undefined> {
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/roles`, { headers: await world.bearer('owner') })
  return body.data.find((role: RoleRead) => role.name === name)
}

t.test('a role is created, and stands in the table of scopes', async (t) => {
  const page = await openAs('owner', roles)
  await page.getByRole('button', { name: 'New role' }).click()
  await page.getByLabel('Name').fill('Night shift')
  await page.getByRole('dialog').getByLabel('conversations:view').check()
  await page.getByRole('dialog').getByLabel('conversations:reply').check()
  await page.getByRole('button', { name: 'Create the role' }).click()
  await page.getByRole('columnheader', { name: 'Night shift' }).waitFor()
  t.match(await roleNamed('Night shift'), { scopes: ['conversations:view', 'conversations:reply'] })
  t.equal(await page.getByRole('button', { name: 'Change Owner' }).count(), 0, 'system roles do not change')
})

t.test('before a role is saved, the page shows who gains and loses what, and nothing has changed', async (t) => {
  await ask(gateway, `/v1/tenants/${acme.id}/members/${ids.analyst}`, {
    method: 'PATCH',
    headers: await world.bearer('owner'),
    body: { roles: ['Night shift'] },
  })
  const page = await openAs('owner', roles)
  await page.getByRole('button', { name: 'Change Night shift' }).click()
  const dialog = page.getByRole('dialog')
  t.ok(await dialog.getByRole('button', { name: 'Show the effect' }).isDisabled(), 'no change yet')
  await dialog.getByLabel('conversations:reply').uncheck()
  await dialog.getByLabel('customers:edit').check()
  await dialog.getByRole('button', { name: 'Show the effect' }).click()
  await dialog.getByText('1 member of this role').waitFor()
  t.match(await dialog.getByRole('status').innerText(), /analyst@people.example\s+gains customers:edit/)
  t.match(await dialog.getByRole('status').innerText(), /loses conversations:reply/)
  t.match(await roleNamed('Night shift'), { scopes: ['conversations:view', 'conversations:reply'] }, 'a dry run')
  await dialog.getByRole('button', { name: 'Save the role' }).click()
  await dialog.waitFor({ state: 'detached' })
  t.same([...((await roleNamed('Night shift'))?.scopes ?? [])].sort(), ['conversations:view', 'customers:edit'])
})

t.test('412 in the words of the API if somebody else changed the role since', async (t) => {
  const page = await openAs('owner', roles)
  await page.getByRole('button', { name: 'Change Night shift' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('agents:view').check()
  await dialog.getByRole('button', { name: 'Show the effect' }).click()
  await dialog.getByText('1 member of this role').waitFor()
  const role = await roleNamed('Night shift')
  await ask(gateway, `/v1/tenants/${acme.id}/roles/${role?.id}`, {
    method: 'PATCH',
    headers: { ...(await world.bearer('admin')), 'if-match': '*' },
    body: { name: 'Day shift' },
  })
  await dialog.getByRole('button', { name: 'Save the role' }).click()
  await dialog.getByRole('alert').getByText('precondition_failed').waitFor()
  t.same([...((await roleNamed('Day shift'))?.scopes ?? [])].sort(), ['conversations:view', 'customers:edit'])
})

t.test('a role is deleted after its effect is on the screen', async (t) => {
  const page = await openAs('owner', roles)
  await page.getByRole('button', { name: 'Delete Day shift' }).click()
  const dialog = page.getByRole('alertdialog')
  await dialog.getByText('analyst@people.example').waitFor()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await dialog.waitFor({ state: 'detached' })
  t.equal(await roleNamed('Day shift'), undefined)
})

t.test('the filter of the scopes is in the URL', async (t) => {
  const page = await openAs('owner', roles)
  await page.getByLabel('Find a scope').fill('audit')
  await page.waitForURL(/filter=audit/)
  await page.reload()
  await page.getByRole('rowheader', { name: 'audit:view' }).waitFor()
  t.equal(await page.locator('tbody tr').count(), 1)
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
