import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { t } from '../../helpers/t.js'
import type { Person } from '../../helpers/world.js'
import { startConsole } from './console.js'

/** A folder for a picture of each page in each theme. Without it, the test takes none. */
const SCREENSHOTS = process.env.SCREENSHOTS
const THEMES = ['light', 'dark'] as const
const PHONE = { width: 320, height: 640 }
const DESK = { width: 1_280, height: 800 }

const { gateway, world, open, openAs, complaints } = await startConsole(t)
const { acme, ids } = world

interface Stop {
  readonly name: string
  readonly path: string
  /** Text of the page that is there when it has loaded. */
  readonly shows: string
  readonly person?: Person
  /** A button that opens a dialog of the page. */
  readonly opens?: string
}

const tenant = `/t/${acme.id}`
const question = `method=GET&path=${encodeURIComponent('/v1/customers')}`

/** Every page of the console. A new page needs a line here. */
const STOPS: readonly Stop[] = [
  { name: 'tenants', path: '/', shows: 'Acme ACMEMARK' },
  { name: 'no-tenants', path: '/', shows: 'a member of no tenant', person: 'stranger' },
  { name: 'offer', path: '/', shows: 'offers you a membership', person: 'pending' },
  { name: 'not-found', path: '/nowhere', shows: 'No such page' },
  { name: 'foreign-tenant', path: tenant, shows: 'not an active member', person: 'stranger' },
  { name: 'why', path: `${tenant}/why`, shows: 'Whose request' },
  {
    name: 'why-refused',
    path: `${tenant}/why?user_id=${ids.analyst}&${question}`,
    shows: 'Give the role Agent',
  },
  {
    name: 'why-key',
    path: `${tenant}/why?key_id=${acme.integration_key_id}&method=GET&path=${encodeURIComponent(`/v1/tenants/${acme.id}/keys`)}`,
    shows: 'Refused',
  },
  { name: 'keys', path: `${tenant}/keys`, shows: 'Integration' },
  { name: 'key', path: `${tenant}/keys/${acme.integration_key_id}`, shows: 'Requests per minute' },
  { name: 'members', path: `${tenant}/members`, shows: 'The analyst' },
  { name: 'member', path: `${tenant}/members/${ids.analyst}`, shows: 'Only the roles decide' },
  { name: 'invitations', path: `${tenant}/invitations`, shows: 'There is no invitation here' },
  { name: 'roles', path: `${tenant}/roles`, shows: 'audit:view' },
  { name: 'audit', path: `${tenant}/audit`, shows: 'tenant_key.created' },
  { name: 'audit-empty', path: `${tenant}/audit?action=message.deleted`, shows: 'No event matches' },
  { name: 'usage', path: `${tenant}/usage?range=month`, shows: 'as a table' },
  { name: 'settings', path: `${tenant}/settings`, shows: 'https://acme.example' },
  { name: 'account', path: '/account', shows: 'this one' },
  { name: 'platform-overview', path: '/platform/overview', shows: 'as a table', person: 'operator' },
  { name: 'platform-operators', path: '/platform/operators', shows: 'operator@people.example', person: 'operator' },
  { name: 'platform-audit', path: '/platform/audit', shows: 'session.started', person: 'operator' },
  { name: 'platform-tenants', path: '/platform/tenants', shows: 'Globex GLOBEXMARK', person: 'operator' },
  { name: 'platform-tenant', path: `/platform/tenants/${acme.id}`, shows: 'Origins of pages', person: 'operator' },
  { name: 'platform-users', path: '/platform/users', shows: 'The analyst', person: 'operator' },
  { name: 'platform-user', path: `/platform/users/${ids.agent}`, shows: 'Acme ACMEMARK', person: 'operator' },
  { name: 'new-key', path: `${tenant}/keys`, opens: 'New key', shows: 'Integration' },
  { name: 'rotate-key', path: `${tenant}/keys/${acme.integration_key_id}`, opens: 'Rotate', shows: 'every network' },
  { name: 'revoke-key', path: `${tenant}/keys/${acme.integration_key_id}`, opens: 'Revoke', shows: 'every network' },
  {
    name: 'override',
    path: `${tenant}/members/${ids.analyst}`,
    opens: 'Set an override',
    shows: 'Only the roles decide',
  },
  { name: 'invite', path: `${tenant}/invitations`, opens: 'Invite', shows: 'There is no invitation here' },
  { name: 'new-role', path: `${tenant}/roles`, opens: 'New role', shows: 'audit:view' },
  { name: 'suspend', path: `/platform/tenants/${acme.id}`, opens: 'Suspend', shows: 'Created', person: 'operator' },
  { name: 'lockdown', path: `/platform/tenants/${acme.id}`, opens: 'Lock down', shows: 'Created', person: 'operator' },
  { name: 'appoint', path: '/platform/operators', opens: 'Offer an appointment', shows: 'active', person: 'operator' },
  { name: 'key-not-found', path: `${tenant}/keys/000000000000`, shows: 'What not_found means' },
]

await gateway.sql(`insert into usage_hours
  select '${acme.id}', date_trunc('day', now() - '2 days'::interval) - n * '1 day'::interval, '', 'GET /v1/customers', 403,
    'insufficient_scope', 20 + n * n, 60 + n, 9 + n from generate_series(0, 20) as n`)

t.test('the page of the login has nothing that axe finds, in both themes and on a phone', async (t) => {
  const page = await open('/')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await look(t, page, 'sign-in')
})

const PEOPLE = [...new Set(STOPS.map(({ person }) => person ?? 'owner'))]
for (const person of PEOPLE) {
  t.test(`no page of the ${person} has anything that axe finds, in both themes and on a phone`, async (t) => {
    const page = await openAs(person, '/')
    for (const stop of STOPS.filter((stop) => (stop.person ?? 'owner') === person)) {
      await page.goto(`${gateway.url}/console${stop.path}`)
      await page.locator('main').getByText(stop.shows).first().waitFor()
      if (stop.opens !== undefined) {
        await page.getByRole('button', { name: stop.opens, exact: true }).click()
        await page.locator('.dialog').waitFor()
      }
      await look(t, page, stop.name)
    }
  })
}

t.test('no script failed, and the policy of the page refused nothing', async (t) => {
  t.same(complaints, [])
})

/** Checks a page in both themes with axe, and that a phone shows all of it without a horizontal scroll bar. */
async function look(t: { same: (found: unknown, wanted: unknown, message: string) => void }, page: Page, name: string) {
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    await page.evaluate(axe.source)
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
      const { violations } = await axe.run()
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    })
    t.same(found, [], `axe on ${name}, ${theme}`)
    if (SCREENSHOTS !== undefined) {
      mkdirSync(SCREENSHOTS, { recursive: true })
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${theme}.png`), fullPage: true })
    }
  }
  await page.setViewportSize(PHONE)
  const width = await page.evaluate('document.documentElement.scrollWidth')
  t.same(width, PHONE.width, `the width of ${name} on a phone`)
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}-phone.png`), fullPage: true })
  await page.setViewportSize(DESK)
}

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string }[]
}
