import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import { startGateway, type TestGateway } from '../../helpers/gateway.js'
import { buildWorld, emailOf, PASSWORD, type Person, type World } from '../../helpers/world.js'
import { openBrowser } from '../chromium.js'

const WAIT_MS_MAX = 20_000

/** A gateway with its console, a browser, and what went wrong in its pages. */
export interface Console {
  readonly gateway: TestGateway
  readonly world: World
  readonly browser: Browser
  /** Errors of scripts, and what the policy of the page refused. Empty if all is well. */
  readonly complaints: string[]
  /** Opens a page of the console in a new profile, signed out. */
  open(path: string, options?: ContextOptions): Promise<Page>
  /** Opens a page of the console as a person, in a new profile. */
  openAs(person: Person, path: string, options?: ContextOptions): Promise<Page>
  /** Opens one more tab of the browser profile of a page. */
  openTab(page: Page, path: string): Promise<Page>
}

type ContextOptions = Parameters<Browser['newContext']>[0]

/** Starts a gateway with the world of the tests, and a browser for its console. */
export async function startConsole(t: Test, env: Record<string, string> = {}): Promise<Console> {
  const gateway = await startGateway({ env })
  t.teardown(() => gateway.close())
  const world = await buildWorld(gateway)
  const browser = await openBrowser(t)
  const complaints: string[] = []
  const openIn = async (context: BrowserContext, path: string) => {
    context.setDefaultTimeout(WAIT_MS_MAX)
    const page = await context.newPage()
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
    page.on('console', (message) => {
      // The browser reports each refused request too, and refusals are what some tests are about.
      const is_refusal = message.text().startsWith('Failed to load resource')
      if (message.type() === 'error' && !is_refusal) complaints.push(`${page.url()}: ${message.text()}`)
    })
    await page.goto(`${gateway.url}/console${path}`)
    return page
  }
  const open = async (path: string, options?: ContextOptions) => openIn(await browser.newContext(options), path)
  return {
    gateway,
    world,
    browser,
    complaints,
    open,
    async openAs(person, path, options) {
      const page = await open(path, options)
      await signIn(page, person)
      return page
    },
    openTab: (page, path) => openIn(page.context(), path),
  }
}

/** Fills in the form of the login, and waits for the page behind it. */
export async function signIn(page: Page, person: Person, password = PASSWORD): Promise<void> {
  await page.getByLabel('Email').fill(emailOf(person))
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}
