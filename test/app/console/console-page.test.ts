import { readdirSync, readFileSync } from 'node:fs'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const FOLDER = 'dist/console'
const FIRST_LOAD_BYTES_MAX = 200 * 1_024
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

const gateway = await startGateway()
t.teardown(() => gateway.close())
const index = await ask(gateway, '/console', { headers: HTML })
/** What the browser loads before it shows anything: the index, and the scripts and styles that it names. */
const first = [...index.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string)

t.test('200 the page at every path of the console, with a strict policy and no inline script', async (t) => {
  for (const path of ['/console', '/console/', '/console/t/some-tenant/keys?cursor=x', '/console/nowhere']) {
    const page = await ask(gateway, path, { headers: HTML })
    t.equal(page.status, 200, path)
    t.equal(page.text, index.text, path)
    t.equal(page.headers.get('content-security-policy'), POLICY)
    t.equal(page.headers.get('cache-control'), 'no-cache')
    t.match(page.headers.get('content-type'), /^text\/html/)
    t.equal(page.headers.get('vary'), 'Origin, Accept')
  }
  t.notMatch(index.text, /<script(?![^>]* src=)|<style|\son\w+=|https?:/, 'inline code, or another origin')
})

t.test('304 for the page that the browser has', async (t) => {
  const etag = String(index.headers.get('etag'))
  const again = await ask(gateway, '/console', { headers: { ...HTML, 'if-none-match': etag } })
  t.match([again.status, again.text], [304, ''])
})

t.test('404 a problem for a program that does not accept HTML, and for an asset that does not exist', async (t) => {
  for (const [path, headers] of [
    ['/console', {}],
    ['/console/t/x/keys', { accept: 'application/json' }],
    ['/console/assets/gone-00000000.js', HTML],
    ['/console/assets/../index.html', { accept: '*/*' }],
    ['/console/assets/%2e%2e/%2e%2e/main.js', HTML],
    ['/console/assets/..%2f..%2fmain.js', HTML],
    ['/console/assets/', HTML],
  ] as const) {
    const answer = await ask(gateway, path, { headers })
    t.match([answer.status, answer.body.code], [404, 'not_found'], path)
  }
})

t.test('200 each asset has a hash in its name, stays for a year, and comes in the best encoding', async (t) => {
  t.ok(first.length >= 3, first.join())
  for (const url of first) {
    t.match(url, /^\/console\/assets\/[\w-]+-[\w-]{8}\.(js|css|svg)$/)
    const plain = await encoded(url, 'identity')
    t.equal(plain.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    t.notOk(plain.headers.has('content-encoding'), 'as it is')
    // A small file is sent as it is.
    if (url.endsWith('.svg')) continue
    t.match(plain.headers.get('vary'), /Accept-Encoding/)
    const br = await encoded(url, 'gzip, deflate, br')
    t.equal(br.headers.get('content-encoding'), 'br')
    t.not(br.headers.get('etag'), plain.headers.get('etag'), 'the ETag of an encoding')
    t.same(brotliDecompressSync(file(url, '.br')).toString(), plain.text)
    t.same(gunzipSync(file(url, '.gz')).toString(), plain.text)
    t.equal((await encoded(url, 'gzip')).headers.get('content-encoding'), 'gzip')
    t.notOk((await encoded(url, 'br;q=0, gzip;q=0')).headers.has('content-encoding'), 'refused encodings')
  }
})

t.test('the first load has at most 200 KiB compressed', async (t) => {
  const sizes = first.filter((url) => !url.endsWith('.svg')).map((url) => file(url, '.br').length)
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  t.ok(bytes > 0 && bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes`)
})

t.test('405 for other methods', async (t) => {
  const answer = await ask(gateway, '/console', { method: 'POST' })
  t.match([answer.status, answer.headers.get('allow')], [405, 'GET, HEAD'])
})

t.test('404 and a warning in the log if the console was not built', async (t) => {
  const bare = await startGateway({ on: gateway.test_database, console_folder: 'dist/no-such-folder' })
  t.teardown(() => bare.close())
  t.equal((await ask(bare, '/console', { headers: HTML })).status, 404)
  t.ok(bare.lines.some((line) => line.includes('console not built')))
})

function encoded(url: string, encoding: string) {
  return ask(gateway, url, { headers: { 'accept-encoding': encoding } })
}

function file(url: string, ending: string): Buffer {
  const name = url.replace('/console/', '')
  if (!readdirSync(FOLDER, { recursive: true }).some((each) => String(each) === name + ending))
    throw new Error(`no ${name}${ending}`)
  return readFileSync(`${FOLDER}/${name}${ending}`)
}
