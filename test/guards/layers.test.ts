import { t } from '../helpers/t.js'
import { circlesOf, FEATURES_MAY_IMPORT, folderOf, forbiddenImports, importsOf } from './layers.js'

const SRC = 'src'
const imports = importsOf(SRC)
const itself = (file: string) => file

t.test('the guard finds the imports of src', (t) => {
  t.ok(imports.length > 900, `${imports.length} imports`)
  t.ok(imports.some(({ from, to }) => from === 'app/services' && to === 'kernel/limits/limiter'))
  t.ok(
    imports.some(
      ({ from, to }) => from === 'features/upstreams/forward/forwarding' && to === 'kernel/request/findings',
    ),
    'a declaration that adds to another module is an import',
  )
  t.end()
})

t.test('kernel imports kernel, features import kernel and the listed features, app imports all', (t) => {
  t.same(forbiddenImports(imports), [])
  for (const [source, targets] of Object.entries(FEATURES_MAY_IMPORT)) {
    for (const target of targets) {
      const is_used = imports.some(({ from, to }) => folderOf(from) === source && folderOf(to) === target)
      t.ok(is_used, `${source} -> ${target} in the list`)
    }
  }
  t.end()
})

t.test('no folders and no files import each other in a circle', (t) => {
  t.same(circlesOf(imports, folderOf), [])
  t.same(circlesOf(imports, itself), [])
  t.end()
})

// Each kind of forbidden import is planted once, to prove that the guard finds it.
t.test('the guard finds a planted import: to a higher layer, between features, and in a circle', (t) => {
  const plant = (from: string, to: string) => [...imports, { from, to }]
  for (const [from, to] of [
    ['kernel/limits/limiter', 'features/keys/store'],
    ['kernel/limits/limiter', 'app/gateway'],
    ['features/keys/store', 'app/gateway'],
    ['features/keys/store', 'features/roles/store'],
    ['kernel/limits/limiter', 'elsewhere/file'],
    ['console/api/client', 'contract/scopes'],
    ['app/gateway', 'console/api/client'],
  ] as const) {
    t.same(forbiddenImports(plant(from, to)), [`${from} imports ${to}`])
  }
  const [folders] = circlesOf(plant('kernel/time/clock', 'kernel/store/unit-of-work'), folderOf)
  t.ok(folders?.includes('kernel/time') && folders.includes('kernel/store'), 'a circle of folders')
  const [files] = circlesOf(plant('kernel/database/columns', 'kernel/identity/users-table'), itself)
  t.same(files, ['kernel/database/columns', 'kernel/identity/users-table'], 'a circle of two files')
  t.end()
})
