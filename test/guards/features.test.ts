import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { t } from '../helpers/t.js'

const ROOT = 'src/features'

/** Returns the violations of the layout: a second file of routes in a folder, or a schema outside of schema.ts. */
function misplaced(file: string, text: string): string[] {
  const name = basename(file)
  return [
    ...(name.endsWith('-routes.ts') ? [`${file}: the routes of a path are in the routes.ts of a folder`] : []),
    ...(/^import (?!type )[^\n]*from 'typebox'$/m.test(text) && !/(^|-)schema\.ts$/.test(name)
      ? [`${file}: schemas are in the schema.ts of the folder`]
      : []),
  ]
}

t.test('each folder of a feature has one file of routes and one file of schemas', async (t) => {
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  t.ok(files.length > 100, `${files.length} files`)
  t.same(
    files.flatMap((file) => misplaced(file, readFileSync(join(ROOT, file), 'utf8'))),
    [],
  )
})

t.test('the guard finds a planted file of routes and a planted schema', async (t) => {
  t.same(misplaced('keys/lifecycle-routes.ts', '').length, 1)
  t.same(misplaced('keys/routes.ts', "import { Type } from 'typebox'\n").length, 1)
  t.same(misplaced('keys/store.ts', "import type { Static } from 'typebox'\n"), [])
  t.same(misplaced('keys/schema.ts', "import { Type } from 'typebox'\n"), [])
})
