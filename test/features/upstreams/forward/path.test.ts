import fc from 'fast-check'
import { targetOf } from '../../../../src/features/upstreams/forward/path.js'
import { relationOf } from '../../../../src/features/upstreams/manifest/template.js'
import { openMatcher } from '../../../../src/features/upstreams/pool/matcher.js'
import { Problem } from '../../../../src/kernel/problems/problems.js'
import { askRaw } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld } from '../../../helpers/world.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

const isRefused = (url: string): boolean => {
  try {
    return targetOf(url).encoded.length > 0
  } catch (error) {
    return error instanceof Problem && error.code === 'ambiguous_path'
  }
}

/**
 * Attack: each of these paths has bypassed a gateway. The path that the gateway checked was not the path that the
 * upstream served.
 */
const AMBIGUOUS = [
  '/training/../v1/customers',
  '/training/./status',
  '/training/..',
  '/training/.',
  '/training/%2e%2e/v1',
  '/training/%2E./status',
  '/training/.%2e/status',
  '/training/%252e%252e/v1',
  '/training/sessions%2fsecret',
  '/training/sessions%2Fsecret',
  '/training/sessions%5csecret',
  '/training/sessions\\secret',
  '/training/..\\status',
  '/training/status;x=1',
  '/training;x/status',
  '/training/status%3bx',
  '//training/status',
  '/training//status',
  '/training/status//',
  'http://other.example/training/status',
  'training/status',
  '*',
  '',
  '/training/status#fragment',
  '/training/status?x#fragment',
  '/training/%00',
  '/training/status%00.json',
  '/training/a%0d%0aX-Tenant-Id:%20x',
  '/training/%7f',
  '/training/%73tatus',
  '/training/sessions/%73ecret',
  '/training/%53TATUS',
  '/training/sessions/a%2db',
  '/training/sessions/a%7eb',
  '/training/a b',
  '/training/\u00e9',
  '/training/%',
  '/training/%2',
  '/training/%zz',
  '/training/%aa',
  '/training/%C3',
  '/training/status?a b',
]
const PLAIN = [
  '/',
  '/training/status',
  '/training/sessions/a%20b',
  '/training/sessions/%C3%A9',
  "/training/a:b@c,d=e+f!g$h&i'j(k)*l~m_n-o.p",
  '/training/..a/a../...',
  '/training/status?path=../../x&y=%2e%2e%2f;\\',
  '/training/status/',
  '/training/%23%3f%40',
]

t.test('an ambiguous path is refused, and a plain path is forwarded unchanged', async (t) => {
  for (const url of AMBIGUOUS) t.ok(isRefused(url), url)
  for (const url of PLAIN) {
    const { path, query } = targetOf(url)
    t.equal(path + query, url)
  }
})

// Attack: an ambiguous path that is not in the list. Every accepted path must be its own normal form.
t.test('decoding or normalising an accepted path again does not change it', async (t) => {
  const pieces = [
    '/',
    '.',
    '..',
    '%2e',
    '%2F',
    '%5c',
    '%25',
    '%',
    ';',
    '\\',
    '//',
    'a',
    'Z',
    '9',
    '%41',
    '%20',
    '%C3%A9',
    ':',
    '#',
    ' ',
  ]
  const path = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => `/${parts.join('')}`)
  let taken = 0
  fc.assert(
    fc.property(path, (url) => {
      if (isRefused(url)) return
      taken += 1
      t.equal(new URL(`http://x${url}`).pathname, url)
      const parts = url.split('/')
      let decoded = url
      for (let times = 0; times < 2; times += 1) {
        decoded = decodeURIComponent(decoded)
        if (decoded.split('/').length !== parts.length || /[\\;#\p{Cc}]/u.test(decoded)) t.fail(`${url} is ${decoded}`)
      }
    }),
    { numRuns: 3_000 },
  )
  t.ok(taken > 50, `${taken} were taken`)
})

const part = fc.constantFrom('a', 'b', 'C', ':x', ':y')
const template = fc
  .tuple(fc.array(part, { maxLength: 3 }), fc.constantFrom('', '/', '/*'))
  .map(([parts, end]) => `/p${parts.map((each) => `/${each}`).join('')}${end}`)

/** What a template means, written as a regular expression. */
const fits = (of: string, path: string) => {
  const pattern = of.replace(/\*$/, '.*').replaceAll(/:[a-z]+/g, '[^/]+')
  return new RegExp(`^${pattern}$`).test(path)
}

t.test('two templates are apart only if no path matches both', async (t) => {
  const paths = [
    '',
    '/',
    '/a',
    '/b',
    '/c',
    '/C',
    '/q',
    '/a/b',
    '/a/b/c',
    '/b/a',
    '/a/b/',
    '/q/q',
    '/q/q/q',
    '/a/q',
    '/q/b',
  ]
  fc.assert(
    fc.property(template, template, (left, right) => {
      const is_shared = paths.some((path) => fits(left, `/p${path}`) && fits(right, `/p${path}`))
      if (is_shared && relationOf(left, right) === 'apart') t.fail(`${left} and ${right}`)
      const back = { narrower: 'wider', wider: 'narrower' } as Record<string, string>
      const there = relationOf(left, right)
      if (relationOf(right, left) !== (back[there] ?? there)) t.fail(`${left} and ${right} are not symmetric`)
    }),
    { numRuns: 2_000 },
  )
})

t.test('a path belongs to the narrowest template that it matches; a near match belongs to none', async (t) => {
  const path = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'C', 'A', 'q'), { maxLength: 4 }), fc.constantFrom('', '/'))
    .map(([parts, end]) => `/p${parts.map((each) => `/${each}`).join('')}${end}`)
  let found_some = 0
  fc.assert(
    fc.property(fc.array(template, { minLength: 1, maxLength: 5 }), path, (wished, url) => {
      const templates = wished.filter((each, position) =>
        wished.slice(0, position).every((other) => !['same', 'crossing'].includes(relationOf(each, other))),
      )
      const found = openMatcher(templates.map((each) => ({ url: each })))(url)?.url
      const fitting = templates.filter((each) => fits(each, url))
      const narrowest = fitting.find((each) =>
        fitting.every((other) => other === each || relationOf(each, other) === 'narrower'),
      )
      if (found === undefined) {
        // This is correct only if a narrower template differs from the path by case or by a slash.
        const lower = url.toLowerCase()
        const folded = [lower, lower.replace(/\/$/, '')]
        const near = templates.some((each) => folded.some((path) => fits(each.toLowerCase().replace(/\/$/, ''), path)))
        if (narrowest !== undefined && !near) t.fail(`${url} matches no template of ${templates}`)
        return
      }
      found_some += 1
      if (found !== narrowest) t.fail(`${url} is ${found}, not ${narrowest} of ${templates}`)
    }),
    { numRuns: 3_000 },
  )
  t.ok(found_some > 100, `${found_some} were found`)
})

// Attack: sends `/ADMIN`, which would match `/:id`, to an upstream that serves it as `/admin`.
t.test('a path that differs from a literal by case or by a slash does not match a parameter', async (t) => {
  const match = openMatcher(['/p/:id', '/p/admin', '/p/files/*'].map((url) => ({ url })))
  t.equal(match('/p/admin')?.url, '/p/admin')
  t.equal(match('/p/x')?.url, '/p/:id')
  for (const url of ['/p/Admin', '/p/ADMIN', '/p/admin/', '/p/x/', '/p/', '/p', '/P/x', '/p/files', '/p/FILES/x']) {
    t.equal(match(url), undefined, url)
  }
  t.equal(match('/p/files/')?.url, '/p/files/*')
  t.equal(match('/p/files/a/b/')?.url, '/p/files/*')
})

t.test('400 an ambiguous path is refused before authentication, and the upstream receives no request', async (t) => {
  const service = await startService()
  const gateway = await startGatewayWith(t, trainingManifest(service.origin))
  const world = await buildWorld(gateway)
  const lines = Object.entries(await world.as('owner')).flat()
  for (const url of AMBIGUOUS.filter((each) => /^[\x21-\x7e]+$/.test(each))) {
    const answer = await askRaw(gateway, url, { lines })
    // Some are not valid HTTP, and some are a path that no route can have.
    t.ok([400, 404].includes(answer.status), `${url}: ${answer.status} ${answer.text}`)
    t.match(answer.body.code, /^(ambiguous_path|malformed_request|not_found)$/, url)
    if (url.startsWith('/training') && !/%(zz|2|aa|C3)?$/.test(url)) t.equal(answer.body.code, 'ambiguous_path', url)
  }
  for (const url of ['//training/status', 'http://other.example/training/status', '/training//status']) {
    const answer = await askRaw(gateway, url, { lines })
    t.match(answer, { status: 400, body: { code: 'ambiguous_path' } }, url)
  }
  t.same(service.asked, [])
  await gateway.close()
  await service.close()
})
