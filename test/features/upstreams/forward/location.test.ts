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

// Stops an upstream from telling callers where it runs, and from naming a place of its own that they cannot reach.
t.test('a place of the upstream is told as callers find it, or not at all; anything else is as it was', async (t) => {
  const CASES: readonly (readonly [given: string, told: string | undefined])[] = [
    ['/internal/v2/a?b=c#d', '/files/a?b=c#d'],
    ['/internal/v2', '/files'],
    ['http://10.0.0.1:8080/internal/v2/a', '/files/a'],
    ['http://10.0.0.2:8080/internal/v2/a', '/files/a'],
    // Its own, and behind no route.
    ['http://10.0.0.1:8080', undefined],
    ['http://10.0.0.1:8080/', undefined],
    ['http://10.0.0.1:8080/admin', undefined],
    ['http://10.0.0.1:8080/internal/v22', undefined],
    ['http://10.0.0.1:8080//else.example/internal/v2', undefined],
    // Somebody else's, however much it resembles the upstream's.
    ['https://else.example/internal/v2', 'https://else.example/internal/v2'],
    ['http://10.0.0.1:80801/internal/v2', 'http://10.0.0.1:80801/internal/v2'],
    ['http://10.0.0.1:8080@else.example/internal/v2', 'http://10.0.0.1:8080@else.example/internal/v2'],
    ['//else.example/internal/v2', '//else.example/internal/v2'],
    ['/elsewhere', '/elsewhere'],
    ['next', 'next'],
  ]
  for (const [given, told] of CASES) t.equal(upstream.publicLocation(given), told, given)
})
