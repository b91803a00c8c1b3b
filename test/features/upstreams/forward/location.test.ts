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
        routes: [{ method: 'GET', path: '/*', scopes: [] }],
      },
    ],
  }),
  () => '',
)
const [declared] = manifest?.upstreams ?? []
if (declared === undefined) throw new Error('the manifest is not good')
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
    ['http://10.0.0.1:80801/internal/v2', 'http://10.0.0.1:80801/internal/v2'],
    ['http://10.0.0.1:8080@else.example/internal/v2', 'http://10.0.0.1:8080@else.example/internal/v2'],
    ['//else.example/internal/v2', '//else.example/internal/v2'],
    ['/elsewhere', '/elsewhere'],
    ['next', 'next'],
  ]
  for (const [given, told] of CASES) t.equal(upstream.publicLocation(given), told, given)
})
