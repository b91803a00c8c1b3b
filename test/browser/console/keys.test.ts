import type { Page } from 'playwright-core'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { keyHeaders } from '../../helpers/world.js'
import { startConsole } from './console.js'

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme } = world
const keys = `/t/${acme.id}/keys`

/** The status of a request with a key alone. */
async function statusWith(key: string): Promise<number> {
  return (await ask(gateway, '/v1/customers', { headers: keyHeaders({ id: acme.id, key }) })).status
}

function createKey(name: string) {
  return acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name, scopes: ['conversations:view', 'customers:edit'] }),
  )
}

async function shownSecret(page: Page): Promise<string> {
  const text = await page.locator('.secret').innerText()
  await page.getByRole('button', { name: 'I have stored it' }).click()
  return text
}

t.test('a key is created, shown once, and works as the form says', async (t) => {
  const page = await openAs('owner', keys)
  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByLabel('Name').fill('Nightly export')
  await page.getByLabel('conversations:view').check()
  await page.getByLabel('Networks').fill('127.0.0.0/8\n::1/128')
  await page.getByLabel('Requests per minute').fill('50')
  await page.getByRole('button', { name: 'Create the key' }).click()
  await page.locator('.secret').waitFor()
  await page.keyboard.press('Escape')
  const key = await shownSecret(page)
  t.match(key, /^ghk_/)
  t.equal(await statusWith(key), 200)
  await page.getByRole('heading', { name: 'Nightly export' }).waitFor()
  t.notMatch(await page.content(), key, 'the secret is in the page no more')
  const id = new URL(page.url()).pathname.split('/').at(-1)
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/keys/${id}`, { headers: await world.bearer('owner') })
  t.match(body, {
    name: 'Nightly export',
    scopes: ['conversations:view'],
    allowed_cidrs: ['127.0.0.0/8', '::1/128'],
    requests_per_minute: 50,
    expires_at: null,
  })
})

t.test('what the API refuses is at the field, and nothing is created', async (t) => {
  const page = await openAs('owner', keys)
  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByLabel('Name').fill('Bad network')
  await page.getByLabel('Networks').fill('not-a-network')
  await page.getByRole('button', { name: 'Create the key' }).click()
  await page.getByRole('alert').waitFor()
  t.equal(await page.getByLabel('Networks').getAttribute('aria-invalid'), 'true')
  t.same(await gateway.sql("select id from tenant_keys where name = 'Bad network'"), [])
})

t.test('by keyboard alone: a key is rotated, and the page says when the old secret can be retired', async (t) => {
  const { record, key } = await createKey('Rotating')
  const page = await openAs('owner', keys)
  const { keyboard } = page
  await page.getByRole('link', { name: 'Rotating' }).focus()
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Rotating' }).waitFor()
  await page.getByRole('button', { name: 'Rotate' }).focus()
  await keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.getByLabel('Overlap').focus()
  await keyboard.type('7 days')
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  const secret = await page.locator('.secret').innerText()
  await page.getByRole('button', { name: 'I have stored it' }).focus()
  await keyboard.press('Enter')
  await page.getByText('Two secrets work.').waitFor()
  t.same([await statusWith(key), await statusWith(secret)], [200, 200], 'both secrets')
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/keys/${record.id}`, {
    headers: await world.bearer('owner'),
  })
  t.match(body, { safe_to_retire: false, secrets: [{ is_current: true }, { is_current: false }] })

  // Only the new secret is used for a quarter of an hour.
  gateway.clock.advance(16 * 60_000)
  t.equal(await statusWith(secret), 200)
  await page.reload()
  await page.getByText('No application uses the old secret any more.').waitFor()
})

t.test('a rotation without overlap ends the old secret at once', async (t) => {
  const { record, key } = await createKey('Leaked')
  const page = await openAs('owner', `${keys}/${record.id}`)
  await page.getByRole('button', { name: 'Rotate' }).click()
  await page.getByLabel('Overlap').selectOption('none: every old secret ends at once')
  await page.getByText('Requests with the old secret fail from now on.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click()
  const secret = await shownSecret(page)
  t.same([await statusWith(key), await statusWith(secret)], [401, 200])
})

t.test('a key is narrowed, disabled and enabled', async (t) => {
  const { record, key } = await createKey('Wide')
  const page = await openAs('owner', `${keys}/${record.id}`)
  await page.getByRole('button', { name: 'Change' }).click()
  t.ok(await page.getByRole('button', { name: 'Save' }).isDisabled(), 'nothing to save')
  await page.getByLabel('conversations:view').uncheck()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  t.equal(await statusWith(key), 403)
  await page.getByRole('button', { name: 'Disable' }).click()
  await page.getByText('disabled').first().waitFor()
  t.equal(await statusWith(key), 401)
  await page.getByRole('button', { name: 'Enable' }).click()
  await page.getByRole('button', { name: 'Disable' }).waitFor()
  t.equal(await statusWith(key), 403)
})

t.test('a key is revoked only after a confirmation, whose focus begins on Cancel', async (t) => {
  const { record, key } = await createKey('Old')
  const page = await openAs('owner', `${keys}/${record.id}`)
  await page.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('alertdialog').waitFor()
  t.equal(await page.evaluate('document.activeElement.textContent'), 'Cancel')
  await page.keyboard.press('Enter')
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  t.equal(await statusWith(key), 200, 'after Cancel')
  await page.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('alertdialog').waitFor({ state: 'detached' })
  await page.getByText('revoked').first().waitFor()
  t.equal(await page.getByRole('button', { name: 'Rotate' }).count(), 0)
  t.equal(await statusWith(key), 401)
})

t.test('a list of many keys has at most 100 rows in the document, and a link to each page', async (t) => {
  await gateway.sql(`insert into tenant_keys (tenant_id, id, name, secret_digest, secret_last_four, secret_created_at, scopes, created_at)
    select tenant_id, 'many' || lpad(n::text, 8, '0'), 'Key ' || n, decode(md5(n::text) || md5('x' || n), 'hex'), secret_last_four, created_at, '{}', created_at
    from tenant_keys, generate_series(1, 10000) as n where id = '${acme.integration_key_id}'`)
  const page = await openAs('owner', keys)
  await page.getByRole('link', { name: 'Next page' }).click()
  await page.getByRole('link', { name: 'First page' }).waitFor()
  await page.waitForURL(/cursor=/)
  const rows = await page.locator('tbody tr').count()
  t.ok(rows > 10 && rows <= 100, `${rows} rows`)
  const first = await page.locator('tbody th').first().innerText()
  await page.reload()
  await page.locator('tbody tr').first().waitFor()
  t.equal(await page.locator('tbody th').first().innerText(), first, 'the link of the page')
})

t.test('403 in the words of the API for a member without keys:manage, who sees no link to the keys', async (t) => {
  const page = await openAs('agent', keys)
  await page.getByRole('alert').getByText("None of the user's roles in this tenant grants keys:manage.").waitFor()
  t.equal(await page.getByRole('navigation').getByRole('link', { name: 'Keys' }).count(), 0)
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
