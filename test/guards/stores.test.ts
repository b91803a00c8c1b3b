import { readdirSync } from 'node:fs'
import { FEATURES } from '../../src/app/composition/features.js'
import { NO_STORE_PARTS } from '../../src/kernel/store/store-parts.js'
import { composeStores } from '../../src/kernel/store/stores.js'
import { t } from '../helpers/t.js'
import { filesThatUse, type Source, sourcesOf } from './names-used.js'

// The guards contain the names that they search for, so their own files are excluded.
const sources = sourcesOf(['src', 'scripts', 'test']).filter(({ file }) => !file.startsWith('test/guards/'))
const product = sources.filter(({ file }) => file.startsWith('src/'))

/** The files that may create a store or write without an audit record, and why. The test refuses every other file. */
const USERS: Readonly<Record<string, readonly [among: readonly Source[], users: Readonly<Record<string, string>>]>> = {
  UnitOfWork: [
    sources,
    {
      'src/kernel/store/unit-of-work.ts': 'defines it',
      'src/kernel/store/stores.ts': 'the factory creates it, with the bus of the process',
    },
  ],
  composeStores: [
    sources,
    {
      'src/kernel/store/stores.ts': 'defines it',
      'src/app/composition/stores.ts': 'composes the stores of the product',
      'test/helpers/raw-stores.ts': 'composes stores that hand out their scope, for tests of the unit of work',
    },
  ],
  openStores: [
    sources.filter(({ file }) => !file.startsWith('test/')),
    {
      'src/app/composition/stores.ts': 'defines it',
      'src/app/services.ts': 'opens the one factory of the process, on the bus of the open connections',
      'scripts/operator.ts': 'a command is a process without open connections',
      'scripts/bench/world.ts': 'a command is a process without open connections',
    },
  ],
  openBus: [
    product,
    {
      'src/kernel/store/bus.ts': 'defines it',
      'src/app/services.ts': 'opens the one bus of the process',
    },
  ],
  writeUnaudited: [
    sources,
    {
      'src/kernel/store/unit-of-work.ts': 'defines it',
      'src/kernel/store/stores.ts': 'offers it to stores of the platform',
      'src/kernel/store/idempotency-records.ts': 'stores the response to a request whose change was audited',
      'src/app/mailing.ts': 'takes mails from the queue, and writes what became of them; their links were audited',
      'src/app/counting.ts': 'adds up counters of usage and of the use of keys',
      'src/app/pipeline/steps/redeem-ticket.ts': 'redeems a single-use ticket, whose creation was audited',
      'src/app/sweep.ts': 'deletes rows that expired',
    },
  ],
}

for (const [name, [among, users]] of Object.entries(USERS)) {
  t.test(`only the listed files use ${name}`, async (t) => {
    t.same(filesThatUse(name, among), Object.keys(users).sort())
  })
}

t.test('the guard finds a new use of a name, and ignores types and comments', async (t) => {
  const planted = (text: string) => filesThatUse('UnitOfWork', [{ file: 'planted.ts', text }])
  for (const text of [
    `import { UnitOfWork } from './unit-of-work.js'`,
    `import { UnitOfWork as Unit, type Prelude } from './unit-of-work.js'`,
    `const { UnitOfWork } = await import('./unit-of-work.js')`,
    `new units.UnitOfWork(parts)`,
  ]) {
    t.same(planted(text), ['planted.ts'], text)
  }
  for (const text of [
    `import type { UnitOfWork } from './unit-of-work.js'`,
    `import { type UnitOfWork, other } from './unit-of-work.js'`,
    `// UnitOfWork`,
    `function work(unit: UnitOfWork): void {}`,
  ]) {
    t.same(planted(text), [], text)
  }
})

t.test('every folder of features is in the list of features', async (t) => {
  t.same(Object.keys(FEATURES).sort(), readdirSync('src/features').sort())
})

t.test('the process does not start if two features add the same name to the same kind of store', async (t) => {
  class Customers {}
  const brings = { ...NO_STORE_PARTS, tenant_readers: { customers: Customers } }
  t.throws(() => composeStores({ first: brings, second: brings }), {
    message: 'the features first and second both bring customers to tenant_readers',
  })
  const other = { ...NO_STORE_PARTS, tenant_writers: { customers: Customers } }
  t.doesNotThrow(() => composeStores({ first: brings, second: other }), 'a reader and a writer share a name')
})

// drizzle.config.ts finds tables by the names of their files. A table elsewhere would get no migration.
t.test('every table is in a file whose name ends in table.ts', async (t) => {
  const files = filesThatUse('pgTable', product)
  t.ok(files.length >= 14, `${files.length} files with tables`)
  t.same(
    files.filter((file) => !/^src\/(kernel|features)\/.*table\.ts$/.test(file)),
    [],
  )
})
