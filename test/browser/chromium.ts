import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { BARE } from '../process/gateway-process.js'

/** Debian's place for it; CHROMIUM names another. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'
/** A start on a machine that has other things to do. */
const START_MS_MAX = 60_000
/** Every wait in a page: for an answer, or for what a script does with it. */
const WAIT_MS_MAX = 20_000

const ARGUMENTS = [
  // In a container there is no user namespace for its sandbox, and the pages are our own.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Nothing but this machine exists: a browser that calls home would make a test depend on it.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost',
]

/** Starts a real browser with a profile of its own, which ends with the test. There is no test without it. */
export async function openBrowser(t: Test): Promise<Browser> {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(`there is no Chromium at ${EXECUTABLE}: apt-get install chromium, or name it in CHROMIUM`)
  }
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: ARGUMENTS,
    // What the test runner adds to the environment is not the browser's business.
    env: BARE,
    timeout: START_MS_MAX,
  })
  t.teardown(() => browser.close())
  return browser
}

/**
 * Serves a page at `/` of an origin of its own, until the end of the test. Every name below `localhost` is this machine,
 * so `app.acme.localhost` makes another site of it, as another domain would.
 *
 * @returns the origin, as the browser sends it.
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

/** Opens what is at an address, with no cookies and no cache of an earlier page. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext()
  context.setDefaultTimeout(WAIT_MS_MAX)
  const page = await context.newPage()
  await page.goto(url)
  return page
}
