import type { Page } from 'playwright-core'
import { type Demo, seedDemo } from '../../src/app/demo/index.js'
import { CREDENTIALS_ITEM } from '../../src/app/pages/docs-script.js'
import { startGateway } from '../helpers/gateway.js'
import { t } from '../helpers/t.js'
import { FILE_MS_MAX } from '../process/gateway-process.js'
import { openBrowser, openPage } from './chromium.js'

t.setTimeout(FILE_MS_MAX)

const seeded: { demo?: Demo } = {}
const gateway = await startGateway({ demoNow: () => seeded.demo })
seeded.demo = (await seedDemo(gateway.stores, t.testdir(), gateway.url)) as Demo
const { variables } = seeded.demo
t.teardown(() => gateway.close())
const browser = await openBrowser(t)

/** Opens a page, and collects what the browser refuses because of the policy, and requests to other origins. */
async function openWatched(url: string): Promise<{ page: Page; refused: string[]; foreign: string[] }> {
  const page = await openPage(browser, 'about:blank')
  const refused: string[] = []
  const foreign: string[] = []
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) refused.push(message.text())
  })
  page.on('pageerror', (error) => void refused.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith('data:'))
      foreign.push(request.url())
  })
  await page.goto(url)
  return { page, refused, foreign }
}

/** Sends the request of an operation with the form of the page. @returns the status that the page shows */
async function execute(page: Page, operation: string): Promise<string> {
  const block = page.locator(`[id$="-${operation}"]`)
  await block.locator('.opblock-summary-control').click()
  await block.locator('.try-out__btn').click()
  await block.locator('.execute').click()
  return (await block.locator('.live-responses-table tbody .response-col_status').first().innerText()).trim()
}

t.test(
  '200 the API reference shows its operations over plain HTTP under another host name, by the strict policy',
  async (t) => {
    const url = gateway.url.replace('127.0.0.1', 'gatehouse.localhost')
    const { page, refused, foreign } = await openWatched(`${url}/docs`)
    await page.locator('.opblock').first().waitFor()
    t.equal(await execute(page, 'getLiveness'), '200', 'a request from the page reaches the gateway that served it')
    t.same(refused, [])
    t.same(foreign, [])
  },
)

t.test('200 one click fills in the three credentials of the demo, and a reload keeps them in this tab', async (t) => {
  const { page, refused } = await openWatched(`${gateway.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  await page.getByRole('button', { name: 'Use the credentials of the demo' }).click()
  await page.getByText('Filled in until this tab is closed: access token, X-TENANT-ID, X-TENANT-API-KEY.').waitFor()
  await page.reload()
  await page.locator('.opblock').first().waitFor()
  t.equal(await execute(page, 'listCustomers'), '200')
  await page.getByRole('button', { name: 'Forget the credentials' }).click()
  t.equal(await page.evaluate(`sessionStorage.getItem('${CREDENTIALS_ITEM}')`), null)
  t.same(refused, [])
})

t.test('200 credentials that another page of the gateway stored are filled in', async (t) => {
  const page = await openPage(browser, `${gateway.url}/problems`)
  const credentials = { tenant_id: variables.TENANT_ID, tenant_key: variables.INTEGRATION_API_KEY }
  await page.evaluate(`sessionStorage.setItem('${CREDENTIALS_ITEM}', '${JSON.stringify(credentials)}')`)
  await page.goto(`${gateway.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  t.equal(await execute(page, 'listCustomers'), '200')
})

t.test('the pages fit a narrow screen, follow the dark setting, and can be used with the keyboard', async (t) => {
  for (const path of ['/', '/problems', '/problems/insufficient_scope']) {
    const { page, refused, foreign } = await openWatched(gateway.url + path)
    await page.setViewportSize({ width: 320, height: 640 })
    const width = await page.evaluate<number>('document.documentElement.scrollWidth')
    t.ok(width <= 320, `${path}: ${width} px`)
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    await page.emulateMedia({ colorScheme: 'light' })
    const light = await background()
    await page.emulateMedia({ colorScheme: 'dark' })
    t.not(await background(), light, path)
    await page.keyboard.press('Tab')
    t.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content')
    t.same([refused, foreign], [[], []])
  }
})
