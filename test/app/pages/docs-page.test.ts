import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request as send } from 'undici'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())

const page = (await ask(gateway, '/docs')).text
const assets = [...page.matchAll(/"(\/docs\/assets\/[^"]+)"/g)].map(([, path]) => path as string)

t.test('200 the page and its documents, which are the contract', async (t) => {
  for (const path of ['/docs', '/docs/']) {
    const { status, headers } = await ask(gateway, path)
    t.equal(status, 200)
    t.match(headers.get('content-type'), /^text\/html/)
  }
  const json = await ask(gateway, '/openapi.json')
  t.same((await ask(gateway, '/docs/json')).body, json.body)
  t.equal((await ask(gateway, '/docs/yaml')).text, (await ask(gateway, '/openapi.yaml')).text)
})

t.test('200 304 the browser keeps the files for ever, and asks each time whether the page is current', async (t) => {
  t.ok(assets.length >= 5, assets.join(' '))
  for (const path of assets) {
    const file = await ask(gateway, path)
    t.equal(file.status, 200, path)
    t.match(path, /\.[\w-]{12}\.(css|js|png)$/, 'the path has the digest of the content')
    t.equal(file.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    t.match(file.headers.get('content-type'), /^(text\/css|application\/javascript|image\/png)/)
  }
  const first = await ask(gateway, '/docs')
  t.equal(first.headers.get('cache-control'), 'no-cache')
  const again = await ask(gateway, '/docs', { headers: { 'if-none-match': String(first.headers.get('etag')) } })
  t.match([again.status, again.text], [304, ''])
})

t.test('200 a file is sent in the best coding that the client accepts, each with its own ETag', async (t) => {
  const [script = ''] = assets.filter((path) => path.includes('swagger-ui-bundle'))
  const get = async (accept_encoding?: string) => {
    const headers = accept_encoding === undefined ? {} : { 'accept-encoding': accept_encoding }
    const { body, headers: got } = await send(gateway.url + script, { headers })
    return {
      coding: got['content-encoding'],
      etag: got.etag,
      vary: got.vary,
      body: Buffer.from(await body.arrayBuffer()),
    }
  }
  const plain = await get()
  t.equal(plain.coding, undefined)
  const brotli = await get('gzip, deflate, br, zstd')
  t.equal(brotli.coding, 'br')
  t.ok(brotliDecompressSync(brotli.body).equals(plain.body))
  t.ok(brotli.body.length < plain.body.length / 3, `${brotli.body.length} of ${plain.body.length} bytes`)
  const gzip = await get('br;q=0, *;q=0.5')
  t.equal(gzip.coding, 'gzip')
  t.ok(gunzipSync(gzip.body).equals(plain.body))
  t.equal((await get('br;q=0.1, gzip;q=0.9')).coding, 'gzip')
  t.equal((await get('identity')).coding, undefined)
  t.equal(new Set([plain.etag, brotli.etag, gzip.etag]).size, 3)
  t.match(brotli.vary, /Accept-Encoding/)
})

// Attack: a path that leads out of the folder reads files of the server.
t.test('404 no other file can be read', async (t) => {
  for (const name of ['nothing.js', 'swagger-ui.css', '..%2fpackage.json', '%2e%2e/package.json', '__proto__', '']) {
    t.equal((await ask(gateway, `/docs/assets/${name}`)).status, 404, name)
  }
})

// Attack: markup in the contract runs as a script of the page. Over plain HTTP, a browser with upgrade-insecure-requests loads
// the files of the page over TLS, and the page stays empty.
t.test(
  'the policy allows only files of the same origin, nothing inline and no eval, with any public URL',
  async (t) => {
    const secure = await startGateway({ env: { PUBLIC_URL: 'https://gateway.test' }, on: gateway.test_database })
    t.teardown(() => secure.close())
    for (const { url } of [gateway, secure]) {
      const policy = String((await ask({ url }, '/docs')).headers.get('content-security-policy'))
      t.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
      t.notMatch(policy, /unsafe|upgrade-insecure-requests|https?:/)
    }
    t.notMatch(page, /<script>|<style|style=|https?:\/\//)
  },
)

// Attack: a stranger reads the passwords of the demo.
t.test('404 a process without a demo has no credentials to offer', async (t) => {
  t.notMatch(page, 'credentials of the demo')
  t.equal((await ask(gateway, '/docs/demo')).status, 404)
})
