import { randomBytes } from 'node:crypto'
import { startBehindGateway } from '../features/upstreams/behind-gateway.js'
import { ask, askRaw } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { startNginx } from './nginx.js'

const TEXT = 'A file of some length, so that it is worth to be packed. '.repeat(40)
const BYTES = randomBytes(300_000)

const nginx = await startNginx(t, { 'readme.txt': TEXT, 'large.bin': BYTES, 'folder/inner.txt': 'inner' })
const { gateway, world } = await startBehindGateway(t, [
  {
    name: 'files',
    prefix: '/files',
    origin: nginx.origin,
    scopes: { 'files:view': 'See files' },
    routes: [{ method: 'GET', path: '/*', scopes: ['files:view'] }],
  },
])
const owner = await world.as('owner')

t.test('200 the listing of a folder, with links that work through the gateway', async (t) => {
  const listing = await ask(gateway, '/files/', { headers: owner })
  t.equal(listing.status, 200)
  t.match(listing.headers.get('content-type'), 'text/html')
  const links = [...listing.text.matchAll(/href="([^"]+)"/g)].map(([, link]) => String(link))
  t.same(links, ['../', 'folder/', 'large.bin', 'readme.txt'])
  for (const link of links.slice(1)) {
    const { pathname } = new URL(link, `${gateway.url}/files/`)
    t.equal((await ask(gateway, pathname, { headers: owner })).status, 200, pathname)
  }
})

t.test('301 a folder without a trailing slash redirects to a path of the gateway', async (t) => {
  const { status, headers } = await ask(gateway, '/files/folder', { headers: owner })
  t.equal(status, 301)
  t.equal(headers.get('location'), '/files/folder/')
})

t.test('200 a file is unchanged, and has the headers for caches', async (t) => {
  const response = await fetch(`${gateway.url}/files/large.bin`, { headers: owner })
  t.ok(Buffer.from(await response.arrayBuffer()).equals(BYTES))
  t.equal(response.headers.get('content-length'), String(BYTES.length))
  t.equal(response.headers.get('accept-ranges'), 'bytes')
  t.ok(response.headers.get('etag'))
  t.ok(response.headers.get('last-modified'))
})

t.test('200 HEAD has the headers of GET and no body', async (t) => {
  const { status, headers, text } = await ask(gateway, '/files/large.bin', { method: 'HEAD', headers: owner })
  t.equal(status, 200)
  t.equal(headers.get('content-length'), String(BYTES.length))
  t.equal(text, '')
})

t.test('206 a range at the start, in the middle and at the end of a file', async (t) => {
  for (const [range, from, to] of [
    ['bytes=0-99', 0, 99],
    ['bytes=1000-1999', 1000, 1999],
    ['bytes=-100', BYTES.length - 100, BYTES.length - 1],
    ['bytes=299990-', 299_990, BYTES.length - 1],
  ] as const) {
    const response = await fetch(`${gateway.url}/files/large.bin`, { headers: { ...owner, range } })
    t.equal(response.status, 206, range)
    t.equal(response.headers.get('content-range'), `bytes ${from}-${to}/${BYTES.length}`)
    t.ok(Buffer.from(await response.arrayBuffer()).equals(BYTES.subarray(from, to + 1)), range)
  }
})

t.test('206 several ranges in one request', async (t) => {
  const { status, headers, text } = await ask(gateway, '/files/readme.txt', {
    headers: { ...owner, range: 'bytes=0-5,10-14' },
  })
  t.equal(status, 206)
  t.match(headers.get('content-type'), 'multipart/byteranges')
  t.match(text, `\r\n\r\n${TEXT.slice(0, 6)}\r\n`)
  t.match(text, `\r\n\r\n${TEXT.slice(10, 15)}\r\n`)
})

t.test('416 a range beyond the end of the file', async (t) => {
  const { status, headers } = await ask(gateway, '/files/readme.txt', { headers: { ...owner, range: 'bytes=9999-' } })
  t.equal(status, 416)
  t.equal(headers.get('content-range'), `bytes */${TEXT.length}`)
})

t.test('206 200 If-Range returns the range if the ETag matches, and the whole file if not', async (t) => {
  // A compressed response has a weak ETag, and If-Range works only with a strong one.
  const plain = { ...owner, 'accept-encoding': 'identity' }
  const etag = String((await ask(gateway, '/files/readme.txt', { headers: plain })).headers.get('etag'))
  const part = { ...plain, range: 'bytes=0-9' }
  const same = await ask(gateway, '/files/readme.txt', { headers: { ...part, 'if-range': etag } })
  t.match(same, { status: 206, text: TEXT.slice(0, 10) })
  const other = await ask(gateway, '/files/readme.txt', { headers: { ...part, 'if-range': '"other"' } })
  t.match(other, { status: 200, text: TEXT })
})

t.test('304 for If-None-Match and If-Modified-Since, and 412 for If-Match', async (t) => {
  const first = await ask(gateway, '/files/large.bin', { headers: owner })
  const etag = String(first.headers.get('etag'))
  const modified = String(first.headers.get('last-modified'))
  for (const [name, value] of [
    ['if-none-match', etag],
    ['if-modified-since', modified],
  ] as const) {
    const { status, text, headers } = await ask(gateway, '/files/large.bin', { headers: { ...owner, [name]: value } })
    t.equal(status, 304)
    t.equal(text, '')
    t.equal(headers.get('etag'), etag)
  }
  const changed = await ask(gateway, '/files/large.bin', { headers: { ...owner, 'if-match': '"other"' } })
  t.equal(changed.status, 412)
})

t.test('200 a compressed response stays compressed and keeps its Content-Encoding', async (t) => {
  const answer = await askRaw(gateway, '/files/readme.txt', {
    lines: [...Object.entries(owner).flat(), 'accept-encoding', 'gzip'],
  })
  t.equal(answer.headers.get('content-encoding'), 'gzip')
  const unpacked = await fetch(`${gateway.url}/files/readme.txt`, { headers: owner })
  t.equal(await unpacked.text(), TEXT)
})

t.test('404 an unknown file gets the response of the upstream', async (t) => {
  const { status, text } = await ask(gateway, '/files/nothing.txt', { headers: owner })
  t.equal(status, 404)
  t.match(text, 'nginx')
})

// Attack: the client sends a path that the gateway and the upstream read differently.
t.test('400 an ambiguous path never reaches the upstream', async (t) => {
  const before = nginx.log().length
  const lines = Object.entries(owner).flat()
  for (const path of ['/files/..%2fsecret', '/files/folder/../readme.txt', '/files//readme.txt', '/files/%2e%2e/x']) {
    const { status } = await askRaw(gateway, path, { lines })
    t.equal(status, 400, path)
  }
  t.equal(nginx.log().length, before)
})

t.test('403 405 401 the gateway forwards no request without scope, declared method or credentials', async (t) => {
  const before = nginx.log().length
  t.match(await ask(gateway, '/files/readme.txt', { headers: await world.as('analyst') }), {
    status: 403,
    body: { code: 'insufficient_scope', missing: ['files:view'] },
  })
  const posted = await ask(gateway, '/files/readme.txt', { method: 'POST', headers: owner })
  t.equal(posted.status, 405)
  t.equal((await ask(gateway, '/files/readme.txt')).status, 401)
  t.equal(nginx.log().length, before)
})

t.test('the upstream got no credential of a caller, and the id of the tenant with each request', async (t) => {
  const lines = nginx.log().filter((line) => !line.includes('/ready'))
  t.ok(lines.length > 10)
  for (const line of lines) t.match(line, new RegExp(`"-" "-" "${world.acme.id}"$`))
})

t.test('200 for each of 600 requests while the upstream closes connections and replaces its workers', async (t) => {
  const statuses = new Map<number, number>()
  let asked = 0
  const work = async () => {
    while (asked < 600) {
      asked += 1
      if (asked % 150 === 0) nginx.reload()
      const { status } = await ask(gateway, '/files/folder/inner.txt', { headers: owner })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  t.same([...statuses.keys()], [200])
})
