import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { startConsole } from './console.js'

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme, ids } = world
const members = `/t/${acme.id}/members`
const invitations = `/t/${acme.id}/invitations`

async function read(path: string) {
  return (await ask(gateway, `/v1/tenants/${acme.id}/${path}`, { headers: await world.bearer('owner') })).body
}

t.test('by keyboard alone: an invitation is sent', async (t) => {
  const page = await openAs('owner', members)
  const { keyboard } = page
  await page.getByRole('link', { name: 'Invite somebody' }).focus()
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Invitations' }).waitFor()
  await page.getByRole('button', { name: 'Invite' }).focus()
  await keyboard.press('Enter')
  await page.getByRole('dialog').getByLabel('Analyst').waitFor()
  await page.getByLabel('Email').focus()
  await keyboard.type('new.colleague@people.example')
  await page.getByLabel('Analyst').focus()
  await keyboard.press('Space')
  await page.getByLabel('Email').focus()
  await keyboard.press('Enter')
  await page.getByRole('rowheader', { name: 'new.colleague@people.example' }).waitFor()
  const { data } = await read('invitations')
  t.match(data, [{ email: 'new.colleague@people.example', roles: ['Analyst'], revoked_at: null }])
})

t.test('an invitation is sent again, and revoked after a confirmation', async (t) => {
  const page = await openAs('owner', invitations)
  await page.getByRole('button', { name: 'Send again' }).click()
  await page.getByText('A new mail to new.colleague@people.example is on its way.').waitFor()
  const [{ count }] = (await gateway.sql(
    "select count(*)::int as count from audit_events where action = 'invitation.resent'",
  )) as [{ count: number }]
  t.equal(count, 1)
  await page.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByRole('cell', { name: 'revoked' }).waitFor()
  t.equal(await page.getByRole('button', { name: 'Send again' }).count(), 0)
  t.match((await read('invitations')).data, [{ revoked_at: String }])
})

t.test('what the API refuses about an invitation is in its own words', async (t) => {
  const page = await openAs('owner', invitations)
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  await page.getByLabel('Email').fill('owner@people.example')
  await page.getByRole('button', { name: 'Send the invitation' }).click()
  await page.getByRole('dialog').getByRole('alert').getByText('already_exists').waitFor()
  t.equal((await read('invitations')).data.length, 1)
})

t.test('the roles of a member change, and the member is disabled and enabled', async (t) => {
  const page = await openAs('owner', members)
  await page.getByRole('link', { name: 'The agent' }).click()
  await page.getByLabel('Analyst').check()
  await page.getByLabel('Agent').uncheck()
  await page.getByRole('button', { name: 'Save the roles' }).click()
  await until('the roles are saved', async () => (await read(`members/${ids.agent}`)).roles.join() === 'Analyst')
  await page.getByRole('button', { name: 'Disable' }).click()
  await page.getByRole('button', { name: 'Enable' }).waitFor()
  t.equal((await read(`members/${ids.agent}`)).state, 'disabled')
  await page.getByRole('button', { name: 'Enable' }).click()
  await page.getByRole('button', { name: 'Disable' }).waitFor()
  t.equal((await read(`members/${ids.agent}`)).state, 'active')
})

t.test('an override is set with its reason, and removed after a confirmation', async (t) => {
  const page = await openAs('owner', `${members}/${ids.lead}`)
  await page.getByRole('button', { name: 'Set an override' }).click()
  await page.getByLabel('Scope', { exact: true }).selectOption('customers:edit')
  await page.getByLabel('Effect').selectOption('deny')
  await page.getByLabel('Reason').fill('reads only until the audit')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('cell', { name: 'reads only until the audit' }).waitFor()
  t.match((await read(`members/${ids.lead}/overrides`)).data, [{ scope: 'customers:edit', effect: 'deny' }])
  await page.getByRole('button', { name: 'Remove customers:edit' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByText('Only the roles decide.').waitFor()
  t.same((await read(`members/${ids.lead}/overrides`)).data, [])
})

t.test('a member is removed after a confirmation, and the last Owner stays, in the words of the API', async (t) => {
  const page = await openAs('owner', `${members}/${ids.disabled}`)
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByRole('heading', { name: 'Members' }).waitFor()
  await page.getByRole('link', { name: 'The owner' }).waitFor()
  t.equal(await page.getByRole('link', { name: 'The disabled' }).count(), 0)
  t.equal((await read(`members/${ids.disabled}`)).code, 'not_found')

  await page.getByRole('link', { name: 'The owner' }).click()
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').getByRole('alert').getByText('last_owner').waitFor()
  t.equal((await read(`members/${ids.owner}`)).state, 'active')
})

// Attack: a member writes markup where others read text, to run a script in the session of an Owner.
t.test('markup in names, roles, reasons and ids runs nothing', async (t) => {
  const markup = (where: string) =>
    `<img src=x onerror="window.planted='${where}'"><script>window.planted='${where}'</script>`
  const quoted = (text: string) => text.replaceAll("'", "''")
  await gateway.sql(`update users set name = '${quoted(markup('user'))}' where id = '${ids.analyst}'`)
  await gateway.sql(`update tenants set name = '${quoted(markup('tenant'))}' where id = '${acme.id}'`)
  await gateway.sql(
    `update roles set name = '${quoted(markup('role'))}' where name = 'Analyst' and tenant_id = '${acme.id}'`,
  )
  await gateway.sql(`update tenant_keys set name = '${quoted(markup('key'))}' where tenant_id = '${acme.id}'`)
  await ask(gateway, `/v1/tenants/${acme.id}/members/${ids.analyst}/overrides/customers:edit`, {
    method: 'PUT',
    headers: await world.bearer('owner'),
    body: { effect: 'deny', reason: markup('reason') },
  })
  const page = await openAs('owner', '/')
  for (const path of [
    '/',
    members,
    `${members}/${ids.analyst}`,
    `/t/${acme.id}/keys`,
    `/t/${acme.id}/keys/${acme.integration_key_id}`,
    `/t/${acme.id}/why?user_id=${ids.analyst}&method=GET&path=${encodeURIComponent(`/v1/customers/${markup('path')}`)}`,
    `/t/${acme.id}/why?key_id=${acme.integration_key_id}&method=GET&path=%2Fv1%2Fcustomers`,
    invitations,
    `/t/${encodeURIComponent(markup('id'))}`,
  ]) {
    await page.goto(`${gateway.url}/console${path}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.waitForLoadState('networkidle')
    t.equal(await page.evaluate('window.planted'), undefined, path)
    t.equal(await page.locator('img[src="x"]').count(), 0, `${path}: an element from text`)
  }
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
