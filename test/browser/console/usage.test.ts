import { t } from '../../helpers/t.js'
import { startConsole } from './console.js'

const HOUR_MS = 3_600_000

const { gateway, world, openAs, complaints } = await startConsole(t)
const { acme } = world
const usage = `/t/${acme.id}/usage`
const now_ms = Math.floor(gateway.clock.now() / HOUR_MS) * HOUR_MS

/** Counts requests of one hour. */
async function count(hours_ago: number, route: string, status: number, code: string, requests: number): Promise<void> {
  const hour = new Date(now_ms - hours_ago * HOUR_MS).toISOString()
  await gateway.sql(`insert into usage_hours values
    ('${acme.id}', '${hour}', '', '${route}', ${status}, '${code}', ${requests}, ${requests * 3}, 9)`)
}

t.test('a tenant without requests reads the next step', async (t) => {
  const page = await openAs('analyst', usage)
  await page.getByText('No request in this time.').waitFor()
  t.equal(await page.locator('canvas').count(), 0)
})

t.test(
  'requests and refusals are plots, with the same values in tables, and a table by problem and by route',
  async (t) => {
    await count(1, 'GET /v1/customers', 200, '', 40)
    await count(1, 'GET /v1/customers', 403, 'insufficient_scope', 2)
    await count(5, 'POST /v1/customers', 201, '', 7)
    await count(24 * 6, 'GET /v1/conversations', 200, '', 500)
    const page = await openAs('analyst', `${usage}?range=day`)
    await page.locator('canvas').nth(1).waitFor()
    await page.getByText('The values of “Requests and refusals” as a table').click()
    const table = page.getByRole('figure', { name: 'Requests and refusals' }).locator('.table-frame tbody tr')
    const rows = (await table.allInnerTexts()).map((row) => row.split('\t').slice(1).join(' '))
    t.ok(rows.length >= 24 && rows.length <= 26, `${rows.length} hours`)
    // The gateway also counts the requests of the page itself.
    for (const values of ['42 2', '7 0']) t.ok(rows.includes(values), `${values} in ${rows.join()}`)
    await page.getByRole('rowheader', { name: 'insufficient_scope' }).waitFor()

    await page.getByLabel('Table by').selectOption('Route')
    await page.getByRole('rowheader', { name: 'POST /v1/customers' }).waitFor()
    await page.getByLabel('Time', { exact: true }).selectOption('Last 7 days')
    await page.getByRole('rowheader', { name: 'GET /v1/conversations' }).waitFor()
    t.match(page.url(), /range=week/)
    t.match(page.url(), /by=route/)
    await page.reload()
    await page.getByRole('rowheader', { name: 'GET /v1/conversations' }).waitFor()
  },
)

t.test('the lines of a plot have the colours of the theme', async (t) => {
  const page = await openAs('analyst', usage)
  const picture = async (theme: 'light' | 'dark') => {
    await page.emulateMedia({ colorScheme: theme })
    const canvas = page.locator('canvas').first()
    await canvas.waitFor()
    return (await canvas.screenshot()).toString('base64')
  }
  t.not(await picture('light'), await picture('dark'))
})

t.test('403 in the words of the API for a member without analytics:view', async (t) => {
  const page = await openAs('agent', usage)
  await page.getByRole('alert').getByText('analytics:view').first().waitFor()
  t.equal(await page.getByRole('navigation').getByRole('link', { name: 'Usage' }).count(), 0)
})

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})
