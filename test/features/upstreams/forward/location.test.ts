import { publicLocation } from '../../../../src/features/upstreams/forward/public-location.js'
import { responseHeaders } from '../../../../src/features/upstreams/forward/response-headers.js'
import { readManifest } from '../../../../src/features/upstreams/manifest/read-manifest.js'
import { RunningUpstream } from '../../../../src/features/upstreams/pool/running-upstream.js'
import { t } from '../../../helpers/t.js'

const { manifest } = readManifest(
  JSON.stringify({
    upstreams: [
      {
        name: 'files',
        prefix: '/files',
        origin: ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'],
        rewrite: '/internal/v2',
        headers: { request: [], response: ['link', 'content-location', 'set-cookie'] },
        routes: [{ method: 'GET', path: '/*', scopes: [] }],
      },
    ],
  }),
  () => '',
)
const [declared] = manifest?.upstreams ?? []
if (declared === undefined) throw new Error('the manifest is not good')
/** A request of a client, as the service received it. */
const REQUEST = '/internal/v2/a/b?x=1'
const upstream = new RunningUpstream(declared, Date.now, () => undefined)

// Attack: reads internal addresses of an upstream from its Location headers. A client also cannot reach an internal
// path.
t.test('a Location of the upstream becomes a public path or is removed; a foreign one is unchanged', async (t) => {
  const CASES: readonly (readonly [given: string, told: string | undefined])[] = [
    ['/internal/v2/a?b=c#d', '/files/a?b=c#d'],
    ['/internal/v2', '/files'],
    ['http://10.0.0.1:8080/internal/v2/a', '/files/a'],
    ['http://10.0.0.2:8080/internal/v2/a', '/files/a'],
    // A location of the upstream that no route serves.
    ['http://10.0.0.1:8080', undefined],
    ['http://10.0.0.1:8080/', undefined],
    ['http://10.0.0.1:8080/admin', undefined],
    ['http://10.0.0.1:8080/internal/v22', undefined],
    ['http://10.0.0.1:8080//else.example/internal/v2', undefined],
    // A location on another host, even if it resembles that of the upstream.
    ['https://else.example/internal/v2', 'https://else.example/internal/v2'],
    ['http://10.0.0.1:80801/internal/v2', undefined],
    ['http://10.0.0.1:8081/internal/v2', 'http://10.0.0.1:8081/internal/v2'],
    ['http://10.0.0.1:8080@else.example/internal/v2', 'http://10.0.0.1:8080@else.example/internal/v2'],
    ['//else.example/internal/v2', '//else.example/internal/v2'],
    ['next', 'next'],
    ['next/?x=../y', 'next/?x=../y'],
    ['?page=2', '?page=2'],
    ['#part', '#part'],
    // A service that reads X-Forwarded-Prefix.
    ['/files/b', '/files/b'],
    ['/elsewhere', undefined],
    ['/internal/v2?x', '/files?x'],
    // The bytes of a path that nobody resolves do not change.
    ['/internal/v2/caf\xc3\xa9"', '/files/caf\xc3\xa9"'],
  ]
  for (const [given, told] of CASES) t.equal(publicLocation(given, declared, REQUEST), told, given)
})

// Attack: leaves the prefix with dot segments, which a client resolves and a comparison of texts does not see. The client
// would send its credentials to another route of the gateway, or to another service behind it.
t.test('a Location with dot segments is resolved before it is compared with the prefix', async (t) => {
  const CASES: readonly (readonly [given: string, told: string | undefined])[] = [
    ['/internal/v2/../../v1/customers', undefined],
    ['/internal/v2/..', undefined],
    ['/internal/v2/%2e%2e/secret', undefined],
    ['/internal/v2/.%2E/secret', undefined],
    ['/internal/v2/..\\secret', undefined],
    ['/internal/v2/\t../secret', undefined],
    ['http://10.0.0.1:8080/internal/v2/../admin', undefined],
    ['HTTP://10.0.0.1:8080/internal/v2/a', '/files/a'],
    ['http://user@10.0.0.1:8080/internal/v2/a', '/files/a'],
    ['/files/../v1/customers', undefined],
    ['../../../../v1/customers', undefined],
    ['..', '/files/'],
    ['../c', '/files/c'],
    ['./c', '/files/a/c'],
    ['/internal/v2/a/../b?c=d#e', '/files/b?c=d#e'],
    ['http://[', undefined],
  ]
  for (const [given, told] of CASES) t.equal(publicLocation(given, declared, REQUEST), told, given)
})

// Attack: reads internal addresses of an upstream from its other headers. A client also cannot use internal paths.
t.test('the paths in Link, Content-Location and Set-Cookie become public, like those of Location', async (t) => {
  const CASES: readonly (readonly [name: string, given: string, told: string | string[] | undefined])[] = [
    ['content-location', '/internal/v2/a', '/files/a'],
    ['content-location', 'http://10.0.0.1:8080/admin', undefined],
    ['link', '</internal/v2/a?page=2>; rel="next"', '</files/a?page=2>; rel="next"'],
    [
      'link',
      '<http://10.0.0.2:8080/internal/v2/a>; rel=prev; title="a, <b>", <http://10.0.0.1:8080/admin>; rel=x, <https://else.example/>; rel=y',
      '</files/a>; rel=prev; title="a, <b>", <https://else.example/>; rel=y',
    ],
    ['link', '<http://10.0.0.1:8080/admin>; rel=x', undefined],
    ['set-cookie', 'sid=1; Path=/internal/v2; Domain=up.internal; HttpOnly', ['sid=1; Path=/files; HttpOnly']],
    ['set-cookie', 'sid=1; path=/internal/v2/a;domain=.x', ['sid=1; Path=/files/a']],
    ['set-cookie', 'sid=1; Path=/', ['sid=1; Path=/files']],
    ['set-cookie', 'sid=Path=/internal/v2; Path=/elsewhere', ['sid=Path=/internal/v2']],
    ['set-cookie', 'sid=1; Path=/internal/v2/../x', ['sid=1']],
    ['set-cookie', 'sid=1; Secure', ['sid=1; Secure']],
    ['link', '</internal/v2/../admin>; rel=x, </internal/v2/a>; rel=y', '</files/a>; rel=y'],
  ]
  for (const [name, given, told] of CASES) {
    const raw = [Buffer.from(name), Buffer.from(given)]
    t.strictSame(responseHeaders({}, raw, upstream, REQUEST)[name], told, given)
  }
  const twice = ['a=1; Path=/internal/v2', 'b=2; Domain=x'].flatMap((value) => [
    Buffer.from('Set-Cookie'),
    Buffer.from(value),
  ])
  t.strictSame(responseHeaders({}, twice, upstream, REQUEST)['set-cookie'], ['a=1; Path=/files', 'b=2'])
})
