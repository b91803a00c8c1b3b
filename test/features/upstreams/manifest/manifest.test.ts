import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readManifestFile } from '../../../../src/features/upstreams/manifest/manifest-file.js'
import { ManifestSchema } from '../../../../src/features/upstreams/manifest/manifest-schema.js'
import { readManifest } from '../../../../src/features/upstreams/manifest/read-manifest.js'
import { ConfigurationError } from '../../../../src/kernel/config/env.js'
import { t } from '../../../helpers/t.js'

const noFiles = (path: string): string => {
  throw new Error(`${path} is not there`)
}
const read = (text: string) => readManifest(text, noFiles)
/** The line and the reason of every mistake. */
const mistakesIn = (text: string) => read(text).mistakes.map(({ line, reason }) => `${line}: ${reason}`)

const GOOD = `upstreams:
  - name: training
    prefix: /training
    origin: http://127.0.0.1:9100
    scopes:
      training:view: See trainings and their status
      training:run: Start and stop trainings
    routes:
      - { method: GET, path: /status, scopes: [training:view] }
      - { method: POST, path: /start, scopes: [training:view, training:run], budget: 10/60, timeout_ms: 500 }
      - { method: GET, path: '/sessions/:id', scopes: [training:view, customers:edit], body_bytes_max: 0, stream: {} }
    websockets:
      - { path: /live, scopes: [training:view] }
`

t.test('the reader fills in the default of every field that the manifest omits', async (t) => {
  const { manifest } = read(GOOD)
  const upstream = manifest?.upstreams[0]
  t.match(upstream, {
    name: 'training',
    prefix: '/training',
    origins: ['http://127.0.0.1:9100'],
    rewrite: '',
    scopes: ['customers:edit', 'training:run', 'training:view'],
    retries: 1,
    breaker: { failures: 5, open_ms: 10_000 },
    headers: { request: [], response: [] },
  })
  t.match(upstream?.routes, [
    {
      url: '/training/status',
      operation_id: 'training_get_status',
      timeout_ms: 10_000,
      body_bytes_max: undefined,
      stream: undefined,
    },
    { url: '/training/start', budget: { quota: 10, window_seconds: 60 }, timeout_ms: 500, body_bytes_max: 262_144 },
    {
      url: '/training/sessions/:id',
      operation_id: 'training_get_sessions_by_id',
      body_bytes_max: 0,
      stream: { idle_ms_max: 120_000, connections_per_tenant_max: 100 },
    },
  ])
  t.match(upstream?.sockets, [{ url: '/training/live', access: { kind: 'tenant', scopes: ['training:view'] } }])
  t.same(
    [...(manifest?.scopes ?? [])],
    [
      ['training:view', 'See trainings and their status'],
      ['training:run', 'Start and stop trainings'],
    ],
  )
})

/** The text in GOOD, its replacement, and the start of the mistake that the reader reports. */
const BROKEN: readonly (readonly [string, string, string])[] = [
  ['    origin:', '    orign: x\n    origin:', '4: upstreams[0].orign is not known here'],
  [
    '{ method: GET, path: /status,',
    '{ method: FETCH, path: /status,',
    '9: upstreams[0].routes[0].method must be one of',
  ],
  ['path: /status', 'path: status', '9: upstreams[0].routes[0].path is not of the form'],
  ['path: /status', 'path: /a/../status', '9: /a/../status has a part of dots'],
  ['path: /status', 'path: /./status', '9: /./status has a part of dots'],
  ['path: /start,', 'path: /%2e,', '10: upstreams[0].routes[1].path is not of the form'],
  ["'/sessions/:id'", "'/sessions/:id/:id'", '11: /sessions/:id/:id names two parts alike'],
  [
    '[training:view] }\n      - { method: POST',
    '[training:see] }\n      - { method: POST',
    '9: no upstream declares the scope training:see',
  ],
  ['training:run: Start', 'customers:edit: Start', '7: the scope customers:edit exists already and means'],
  ['training:run: Start', 'platform:all: Start', '7: scopes of the platform are for operators'],
  ['training:run: Start', 'Training:run: Start', '7: upstreams[0].scopes.Training:run is not known here'],
  ['prefix: /training', 'prefix: /v1/training', '3: /v1/training lies over routes of the gateway itself'],
  ['prefix: /training', 'prefix: /docs', '3: /docs lies over'],
  ['prefix: /training', 'prefix: /livez/x', '3: /livez/x lies over'],
  ['prefix: /training', 'prefix: /Training', '3: upstreams[0].prefix is not of the form'],
  ['prefix: /training', 'prefix: /a/../b', '3: upstreams[0].prefix is not of the form'],
  ['name: training', 'name: gatehouse', '2: gatehouse is the gateway itself'],
  ['127.0.0.1:9100', '127.0.0.1:9100/api', '4: upstreams[0].origin is not of the form'],
  ['127.0.0.1:9100', 'user:pass@127.0.0.1', '4: upstreams[0].origin is not of the form'],
  [
    'http://127.0.0.1:9100',
    'http://LOCALHOST:80',
    '4: http://LOCALHOST:80 is no origin: it must be written as http://localhost',
  ],
  ['http://127.0.0.1:9100', 'ftp://127.0.0.1', '4: upstreams[0].origin is not of the form'],
  ['timeout_ms: 500', 'timeout_ms: 60000', '10: upstreams[0].routes[1].timeout_ms must be <= 50000'],
  ['timeout_ms: 500', 'timeout_ms: 1', '10: upstreams[0].routes[1].timeout_ms must be >= 50'],
  [
    'timeout_ms: 500',
    'stream: { idle_ms_max: 3600001 }',
    '10: upstreams[0].routes[1].stream.idle_ms_max must be <= 3600000',
  ],
  ['timeout_ms: 500', "encoded: ['/']", '10: /start has no *, and encoded is for what * stands for'],
  ['timeout_ms: 500', 'encoded: [.]', '10: upstreams[0].routes[1].encoded[0] must be one of /, ;, %'],
  ['budget: 10/60', 'budget: lots', '10: upstreams[0].routes[1].budget is not of the form <requests>/<seconds>'],
  [
    '    routes:',
    '    tls: { ca: ca.pem }\n    routes:',
    '8: certificates are given, but http://127.0.0.1:9100 is not https',
  ],
  ['    routes:', '    tls: { verify: false }\n    routes:', '8: upstreams[0].tls needs ca'],
  ['    routes:', '    headers: { request: [x-tenant-id] }\n    routes:', '8: x-tenant-id never passes'],
  [
    '    routes:',
    '    headers: { request: [X-Custom] }\n    routes:',
    '8: upstreams[0].headers.request[0] is not of the form',
  ],
  [
    '    routes:',
    '    headers: { request: [x_tenant_id] }\n    routes:',
    '8: upstreams[0].headers.request[0] is not of the form',
  ],
  ['    routes:', '    headers: { response: [transfer-encoding] }\n    routes:', '8: transfer-encoding never passes'],
  ['name: training', 'name: &a training', '2: anchors are not taken here'],
  ['path: /status', 'path: *a', '9: aliases are not taken here'],
  ['name: training', 'name: !!binary training', '2: '],
  ['name: training', 'name: training\n    name: other', '3: Map keys must be unique'],
  ['    websockets:', '   websockets:', '12: '],
]

t.test('each mistake has its line and its reason', async (t) => {
  for (const [here, instead, said] of BROKEN) {
    const text = GOOD.replace(here, instead)
    t.not(text, GOOD, instead)
    const mistakes = mistakesIn(text)
    t.ok(
      mistakes.some((each) => each.startsWith(said)),
      `${said} of ${mistakes.join(' | ')}`,
    )
    t.ok(mistakes.every((each) => !each.includes('\n')))
  }
})

t.test('a route declared twice is a mistake, and so are two routes that match the same paths', async (t) => {
  const withRoute = (path: string) =>
    GOOD.replace('    websockets:', `      - { method: GET, path: '${path}', scopes: [] }\n    websockets:`)
  t.same(mistakesIn(withRoute('/status')), ['12: GET /status is declared twice: it fits what /status fits'])
  t.same(mistakesIn(withRoute('/Status/')), ['12: GET /Status/ is declared twice: it fits what /status fits'])
  t.same(mistakesIn(withRoute('/sessions/:other')), [
    '12: GET /sessions/:other is declared twice: it fits what /sessions/:id fits',
  ])
  t.match(mistakesIn(withRoute('/:some/open')), [/12: GET \/:some\/open and \/sessions\/:id fit the same paths/])
  t.same(mistakesIn(withRoute('/sessions/open')), [])
  t.same(mistakesIn(withRoute('/sessions/*')), [])
  t.same(mistakesIn(withRoute('/start')), [], 'another method')
})

t.test('names of upstreams are unique, prefixes do not overlap, and a scope has one meaning', async (t) => {
  const second = (name: string, prefix: string, meaning: string) => `${GOOD}  - name: ${name}
    prefix: ${prefix}
    origin: https://two.example
    scopes: { training:view: ${meaning} }
    routes: [{ method: GET, path: '/*', scopes: [training:view, training:run] }]
`
  t.same(mistakesIn(second('two', '/two', 'See trainings and their status')), [])
  t.same(mistakesIn(second('training', '/two', 'See trainings and their status')), [
    '14: there are two upstreams training',
  ])
  t.same(mistakesIn(second('two', '/training/two', 'See trainings and their status')), [
    '15: /training/two overlaps /training of training',
  ])
  t.same(mistakesIn(second('two', '/training-two', 'See trainings and their status')), [])
  t.match(mistakesIn(second('two', '/two', 'Something else')), [
    /^17: the scope training:view exists already and means/,
  ])
})

t.test('a text that is not a manifest is reported with a line and a reason, without an exception', async (t) => {
  for (const text of [
    '',
    'null',
    '[]',
    '5',
    '\t',
    '{',
    'upstreams: 5',
    'upstreams: []\n---\nupstreams: []',
    '%YAML 9',
  ]) {
    const { manifest, mistakes } = read(text)
    t.equal(manifest, undefined, JSON.stringify(text))
    t.ok(mistakes.length > 0 && mistakes.every(({ line, reason }) => line >= 1 && reason.length > 0), text)
  }
  t.match(mistakesIn(`# ${'x'.repeat(300_000)}`), [/1: the file has more than/])
  t.match(read('upstreams: []'), { manifest: { upstreams: [] } })
})

t.test('an error about a manifest file has one line for each mistake: file, line, reason', async (t) => {
  const folder = t.testdir({ 'good.yaml': GOOD, 'bad.yaml': GOOD.replace('origin:', 'orign:').replace('/status', 'x') })
  t.equal(readManifestFile(`${folder}/good.yaml`).upstreams.length, 1)
  try {
    readManifestFile(`${folder}/bad.yaml`)
    t.fail('the file with mistakes was accepted')
  } catch (error) {
    t.ok(error instanceof ConfigurationError)
    const lines = (error as Error).message.split('\n')
    t.ok(lines.length >= 2 && lines.every((line) => /^.*bad\.yaml:\d+: \S/.test(line)), lines.join(' | '))
  }
  t.throws(() => readManifestFile(`${folder}/none.yaml`), { message: /UPSTREAMS_FILE: .*none\.yaml cannot be read/ })
})

/** The schema file that editors read. It is next to its source. */
const SCHEMA_FILE = fileURLToPath(
  new URL('../../../../src/features/upstreams/manifest/manifest.schema.json', import.meta.url),
).replace('/.build/', '/')

t.test('the first line of a manifest names its JSON Schema, so that editors can complete and check it', async (t) => {
  const root = resolve(dirname(SCHEMA_FILE), '../../../..')
  for (const [file, from] of [
    ['docs/upstreams.md', join(root, 'docs')],
    ['scripts/examples/training/upstreams.yaml', join(root, 'scripts/examples/training')],
  ] as const) {
    const [, named = ''] =
      /^# yaml-language-server: \$schema=(\S+)$/m.exec(readFileSync(join(root, file), 'utf8')) ?? []
    t.equal(resolve(from, named), SCHEMA_FILE, file)
  }
})

t.test('the shipped JSON Schema is the schema that the gateway validates with', async (t) => {
  const generated = `${JSON.stringify(ManifestSchema, null, 2)}\n`
  if (process.env.WRITE_MANIFEST_SCHEMA !== undefined) writeFileSync(SCHEMA_FILE, generated)
  t.equal(
    readFileSync(SCHEMA_FILE, 'utf8'),
    generated,
    'WRITE_MANIFEST_SCHEMA=1 npm test -- upstreams/manifest writes it',
  )
})
