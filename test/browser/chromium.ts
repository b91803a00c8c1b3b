import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { BARE } from '../process/gateway-process.js'

/** The path of Chromium in Debian. The variable CHROMIUM names another one. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'
/** The time limit of a start on a loaded machine. */
const START_MS_MAX = 60_000
/** The time limit of every wait in a page. */
const WAIT_MS_MAX = 20_000

const ARGUMENTS = [
  // The sandbox needs a user namespace, which a container does not have. The browser opens only pages of the tests.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The browser can reach only this machine, so that no test depends on requests of the browser to its vendor.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost',
]

/** Starts a browser with a new profile. The teardown closes it. @throws if there is no Chromium, so no test is skipped */
export async function openBrowser(t: Test): Promise<Browser> {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(`there is no Chromium at ${EXECUTABLE}: apt-get install chromium, or name it in CHROMIUM`)
  }
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: ARGUMENTS,
    // The browser does not get the variables that the test runner adds to the environment.
    env: BARE,
    timeout: START_MS_MAX,
  })
  t.teardown(() => browser.close())
  return browser
}

/**
 * Serves a page at `/` of a new origin until the end of the test. Every name below `localhost` is this machine, so
 * `app.acme.localhost` is another site for the browser, as another domain would be.
 *
 * @returns the origin as the browser sends it
 */
export async function servePage(t: Test, html: string, host = '127.0.0.1'): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://${host}:${(server.address() as AddressInfo).port}`
}

/** Opens a URL without the cookies and the cache of earlier pages. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext()
  context.setDefaultTimeout(WAIT_MS_MAX)
  const page = await context.newPage()
  await page.goto(url)
  return page
}
