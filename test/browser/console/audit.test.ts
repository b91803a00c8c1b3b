import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { startConsole } from './console.js'

const EVENTS = 150
/** What an attacker can choose about a request, and an Owner reads in the audit. */
const MARKUP = `<img src=x onerror="window.planted=1">`

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme, ids } = world
const audit = `/t/${acme.id}/audit`
for (let number = 1; number <= EVENTS; number += 1) await world.createCustomer('acme')
await ask(gateway, `/v1/tenants/${acme.id}`, {
  method: 'PATCH',
  headers: { ...(await world.bearer('owner')), 'user-agent': MARKUP },
  body: { name: `Acme ${MARKUP}` },
})

async function exported(page: Page, format: string): Promise<string> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: `Export as ${format}` }).click(),
  ])
  await page.getByText('KiB saved.').waitFor()
  return readFileSync(await file.path(), 'utf8')
}

t.test('a filter is in the URL, and shows only what matches', async (t) => {
  const page = await openAs('analyst', audit)
  await page.getByLabel('Action').fill('tenant.updated')
  await page.getByLabel('Actor').fill(ids.owner)
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.waitForURL(/action=tenant.updated/)
  await page.getByRole('rowheader', { name: 'tenant.updated' }).waitFor()
  t.equal(await page.locator('tbody tr').count(), 1)
  await page.reload()
  await page.getByRole('rowheader', { name: 'tenant.updated' }).waitFor()
  t.equal(await page.getByLabel('Actor').inputValue(), ids.owner)
  await page.getByRole('button', { name: 'Show all' }).click()
  await page.getByRole('rowheader', { name: 'customer.created' }).first().waitFor()
  t.equal(new URL(page.url()).search, '')
})

t.test('what is no filter is refused in the words of the API', async (t) => {
  const page = await openAs('analyst', `${audit}?actor_id=nobody%20at%20all`)
  await page.getByRole('alert').getByText('actor_id').waitFor()
  t.equal(await page.locator('tbody tr').count(), 0)
})

t.test('a page has at most 100 rows, and the next page continues it', async (t) => {
  const page = await openAs('analyst', `${audit}?action=customer.created`)
  await page.locator('tbody tr').first().waitFor()
  const rows = [await page.locator('tbody tr').count()]
  t.ok((rows[0] ?? 0) <= 100 && (rows[0] ?? 0) > 0, `${rows} rows`)
  t.match(await page.locator('tbody time').first().getAttribute('datetime'), /Z$/, 'the instant behind a local time')
  while ((await page.getByRole('link', { name: 'Next page' }).count()) > 0) {
    await Promise.all([
      page.waitForResponse((response) => response.url().includes('cursor=')),
      page.getByRole('link', { name: 'Next page' }).click(),
    ])
    await page.getByRole('link', { name: 'First page' }).waitFor()
    await page.getByText('Loading the events').waitFor({ state: 'detached' })
    await page.locator('tbody tr').first().waitFor()
    rows.push(await page.locator('tbody tr').count())
  }
  t.equal(
    rows.reduce((sum, count) => sum + count, 0),
    EVENTS,
    rows.join(),
  )
})

t.test('an export has every event that matches', async (t) => {
  const page = await openAs('analyst', `${audit}?action=customer.created`)
  const lines = (await exported(page, 'NDJSON')).trim().split('\n')
  t.equal(lines.length, EVENTS)
  t.ok(lines.every((line) => JSON.parse(line).action === 'customer.created'))
  t.match(await exported(page, 'CSV'), /^chain_seq,created_at,/)
})

// Attack: a user agent and a name with markup, which the page of an Owner shows.
t.test('markup in a user agent and in a changed name runs nothing', async (t) => {
  const page = await openAs('owner', `${audit}?action=tenant.updated`)
  await page.getByText('Details').click()
  await page.getByText('"user_agent": "<img src=x').waitFor()
  t.equal(await page.evaluate('window.planted'), undefined)
  t.equal(await page.locator('img[src="x"]').count(), 0)
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
