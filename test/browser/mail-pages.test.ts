import type { BrowserContextOptions, Page } from 'playwright-core'
import { makeUser } from '../guards/examples.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import { buildWorld, PASSWORD } from '../helpers/world.js'
import { readMails } from '../kernel/mail/read-mails.js'
import { openBrowser, servePage } from './chromium.js'

const CHOSEN = 'copper-violin-harbour-93'
const EVIL = `<img src="/x" onerror="document.title='run'"><style>body{display:none}</style>`
const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const browser = await openBrowser(t)

/** Finds the contrast of the first element of each selector with its background (WCAG 2.2, success criterion 1.4.3). It runs in the page. */
const CONTRASTS = `(() => {
  const channels = (color) => (color.match(/[0-9.]+/g) ?? []).map(Number)
  const luminance = (color) => {
    const [red, green, blue] = channels(color).slice(0, 3).map((channel) => channel / 255)
      .map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const backgroundOf = (element) => {
    if (element === null) return 'rgb(255, 255, 255)'
    const { backgroundColor } = getComputedStyle(element)
    return channels(backgroundColor)[3] === 0 ? backgroundOf(element.parentElement) : backgroundColor
  }
  return ['h1', 'p', 'dt', 'label', '.hint', '.mistake', 'button', 'a'].flatMap((selector) => {
    const element = document.querySelector(selector)
    if (element === null) return []
    const levels = [luminance(getComputedStyle(element).color), luminance(backgroundOf(element))].sort((a, b) => b - a)
    return [{ selector, ratio: (levels[0] + 0.05) / (levels[1] + 0.05) }]
  })
})()`

let invited = 0
/** Invites an address, and returns the URL of the link in the HTML of the mail, at the address of the test. */
async function linkTo(email = `new${++invited}@people.example`, roles: string[] = ['Agent']): Promise<string> {
  const headers = await world.bearer('owner')
  const path = `/v1/tenants/${world.acme.id}/invitations`
  const answer = await ask(gateway, path, { headers, body: { email, roles } })
  if (answer.status !== 201) throw new Error(answer.text)
  const mail = await until('the mail is written', async () =>
    (await readMails(DATA_DIR)).filter(({ to }) => to === email).at(-1),
  )
  const link = /<a href="([^"]*)"/.exec(mail.html)?.[1] as string
  return link.replace(gateway.config.public_url, gateway.url)
}

/** Opens a URL in a browser without scripts. */
async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options })
  const page = await context.newPage()
  await page.goto(url)
  return page
}
const heading = (page: Page) => page.getByRole('heading', { level: 1 }).innerText()
const isMember = async (email: string) =>
  (
    await gateway.sql(`select from memberships m join users u on u.id = m.user_id
    where u.email = '${email}' and m.tenant_id = '${world.acme.id}' and m.state = 'active'`)
  ).length === 1

t.test('a person joins with the mouse or the keyboard, in a browser without scripts', async (t) => {
  const email = 'clicks@people.example'
  const page = await open(await linkTo(email))
  t.equal(await heading(page), 'You are invited to Acme ACMEMARK')
  t.equal(await page.getByLabel('Email address').inputValue(), email)
  await page.getByLabel('Your name').fill('Nora New')
  await page.getByLabel('Password').fill('short')
  await page.getByRole('button', { name: 'Join' }).click()
  t.match(await page.getByRole('alert').innerText(), 'Password must have 15 to 128 characters.')
  t.equal(await page.getByLabel('Your name').inputValue(), 'Nora New', 'the name stays')
  t.equal(await page.getByLabel('Password').getAttribute('aria-invalid'), 'true')
  await page.getByLabel('Password').fill(CHOSEN)
  await page.keyboard.press('Enter')
  await page.getByText('You are a member now.').waitFor()
  t.equal(await page.getByRole('link', { name: 'Sign in to the console' }).getAttribute('href'), '/console')
  t.equal(await heading(page), 'Welcome to Acme ACMEMARK')
  t.ok(await isMember(email))
  await page.context().close()
})

t.test('an existing user accepts with their password, and a wrong one stays on the page', async (t) => {
  const { email } = await makeUser(gateway, world)
  const page = await open(await linkTo(email))
  await page.getByLabel('Password').fill('quartz-lantern-meadow-48')
  await page.getByRole('button', { name: 'Accept the invitation' }).click()
  t.match(await page.getByRole('alert').innerText(), 'This is not the password of this user.')
  t.notOk(await isMember(email))
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Accept the invitation' }).click()
  await page.getByText('You are a member now.').waitFor()
  t.ok(await isMember(email))
  await page.context().close()
})

// Attack: another site sends the form from the browser of the person, who has the link.
t.test('403 the browser says that a form came from another site, and the gateway refuses it', async (t) => {
  const email = 'forged@people.example'
  const action = await linkTo(email)
  const fields = `<input name="name" value="Mallory"><input name="password" value="${CHOSEN}">`
  const form = `<form method="post" action="${action}">${fields}<button>Win</button></form>`
  for (const policy of ['no-referrer', 'unsafe-url']) {
    const html = `<!doctype html><meta name="referrer" content="${policy}">${form}`
    const page = await open(await servePage(t, html, 'evil.localhost'))
    await page.getByRole('button', { name: 'Win' }).click()
    await page.getByRole('heading', { level: 1 }).waitFor()
    t.equal(await heading(page), 'This form came from another site', policy)
    await page.context().close()
  }
  t.notOk(await isMember(email))
})

// Attack: names that are markup. With scripts on, because the policy and the escaping must hold by themselves.
t.test('markup in names runs nothing and hides nothing, and another site cannot frame the page', async (t) => {
  await gateway.sql(`update tenants set name = $n$${EVIL}$n$ where id = '${world.acme.id}'`)
  await gateway.sql(`insert into roles (tenant_id, id, name, created_at)
    values ('${world.acme.id}', gen_random_uuid(), $n$${EVIL}$n$, now())`)
  const link = await linkTo(undefined, [EVIL])
  const page = await open(link, { javaScriptEnabled: true })
  t.equal(await heading(page), `You are invited to ${EVIL}`, 'the heading is visible, and is text')
  t.equal(await page.title(), `You are invited to ${EVIL} - Gatehouse`)
  t.equal(await page.locator('img').count(), 0)
  t.equal(await page.evaluate('document.styleSheets.length'), 1, 'the own stylesheet')
  t.equal(await page.evaluate(`getComputedStyle(document.querySelector('main')).maxWidth`), '768px')
  await gateway.sql(`update tenants set name = 'Acme ACMEMARK' where id = '${world.acme.id}'`)
  const framing = await open(await servePage(t, `<!doctype html><iframe src="${link}"></iframe>`, 'evil.localhost'))
  const framed = framing.frames().find((frame) => frame !== framing.mainFrame())
  t.equal(await framed?.locator('form').count(), 0, 'the frame shows no form')
  await framing.context().close()
  await page.context().close()
})

t.test('the page fits 320 pixels, and has enough contrast in the light and in the dark', async (t) => {
  const link = await linkTo(`${'long'.repeat(12)}@people.example`, ['Agent', 'Analyst', 'Support Lead'])
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open(link, { colorScheme, viewport: { width: 320, height: 640 }, javaScriptEnabled: true })
    await page.getByLabel('Password').fill('short')
    await page.getByLabel('Your name').fill('Nora')
    await page.getByRole('button').click()
    await page.getByRole('alert').waitFor()
    const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
    t.ok(width <= 320, `${colorScheme}: ${width} pixels`)
    const contrasts = (await page.evaluate(CONTRASTS)) as { selector: string; ratio: number }[]
    for (const { selector, ratio } of contrasts) t.ok(ratio >= 4.5, `${colorScheme} ${selector}: ${ratio.toFixed(2)}`)
    t.equal(contrasts.length, 8)
    await page.context().close()
  }
})
