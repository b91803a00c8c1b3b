import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())

t.test('200 the page and its documents, which are the contract', async (t) => {
  const page = await ask(gateway, '/docs/')
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), /^text\/html/)
  const json = await ask(gateway, '/openapi.json')
  t.same((await ask(gateway, '/docs/json')).body, json.body)
  t.equal((await ask(gateway, '/docs/yaml')).text, (await ask(gateway, '/openapi.yaml')).text)
})

t.test('200 304 404 the files of the page have a type and an ETag, and no other file can be read', async (t) => {
  for (const [name, type] of [
    ['swagger-ui-bundle.js', /javascript/],
    ['swagger-ui.css', /^text\/css/],
    ['favicon-32x32.png', /^image\/png/],
  ] as const) {
    const file = await ask(gateway, `/docs/static/${name}`)
    t.equal(file.status, 200, name)
    t.match(file.headers.get('content-type'), type)
    const etag = String(file.headers.get('etag'))
    t.match(etag, /^"[\w-]{43}"$/)
    const again = await ask(gateway, `/docs/static/${name}`, { headers: { 'if-none-match': etag } })
    t.match([again.status, again.text], [304, ''])
  }
  for (const name of ['nothing.js', '..%2fpackage.json', 'csp.json', '%2e%2e/package.json', '']) {
    t.equal((await ask(gateway, `/docs/static/${name}`)).status, 404, name)
  }
})

// Over plain HTTP a browser with upgrade-insecure-requests loads the files of the page over TLS, and the page stays empty.
t.test('the policy of the page asks for TLS only if the public URL does, and names no other origin', async (t) => {
  const policyOf = async (from: Pick<typeof gateway, 'url'>) =>
    String((await ask(from, '/docs/')).headers.get('content-security-policy'))
  const plain = await policyOf(gateway)
  t.match(plain, /default-src 'self'/)
  t.notMatch(plain, /upgrade-insecure-requests|validator/)
  const secure = await startGateway({ env: { PUBLIC_URL: 'https://gateway.test' }, on: gateway.test_database })
  t.teardown(() => secure.close())
  t.match(await policyOf(secure), /upgrade-insecure-requests/)
  t.notMatch(await policyOf(secure), /validator/)
})
