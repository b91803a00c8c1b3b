import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createGateway } from '../src/app/gateway.js'
import { withoutPublicUrl } from '../src/app/openapi/openapi-document.js'
import { configure } from '../src/kernel/config/config.js'
import { readEnvironment } from '../src/kernel/config/env.js'
import { generateSigningKeys, parseSigningKeys } from '../src/kernel/config/secrets.js'
import type { Database } from '../src/kernel/database/database.js'
import { run } from './storage.js'

const FILE = 'openapi.yaml'

function refuse(): never {
  throw new Error('a contract is written without a database')
}

const NO_DATABASE: Database = {
  engine: 'embedded',
  readOne: async () => refuse(),
  transaction: async () => refuse(),
  owner: { query: async () => refuse(), exclusively: async () => refuse() },
  fact_watchers: new Set(),
  load: () => ({ busy: 0, waiting: 0 }),
  close: async () => undefined,
}

/** Writes the contract of the routes to openapi.yaml. With `--check` it only compares the two. */
await run(async () => {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const generated = await generate()
  const committed = existsSync(FILE) ? readFileSync(FILE, 'utf8') : ''
  if (!values.check) {
    writeFileSync(FILE, generated)
    console.log(generated === committed ? `${FILE} is as it was` : `${FILE} is written`)
  } else if (generated !== committed) {
    console.error(`${FILE} is not what the routes say: ${firstDifference(committed, generated)}. Run: npm run openapi`)
    process.exitCode = 1
  } else console.log(`${FILE} is what the routes say`)
})

/** Builds the gateway to read its routes. It does not listen, and it queries no database. */
async function generate(): Promise<string> {
  const config = configure(readEnvironment({ NODE_ENV: 'test' }))
  const { app } = await createGateway({
    config,
    secrets: { signing_keys: await parseSigningKeys(generateSigningKeys()) },
    database: NO_DATABASE,
    clock: Date.now,
    logger: false,
    isDraining: () => false,
  })
  try {
    const response = await app.inject('/openapi.yaml')
    return withoutPublicUrl(response.body, config.public_url)
  } finally {
    await app.close()
  }
}

function firstDifference(before: string, after: string): string {
  const lines = [before.split('\n'), after.split('\n')] as const
  const at = lines[1].findIndex((line, number) => line !== lines[0][number])
  return `from line ${(at < 0 ? lines[1].length : at) + 1} on`
}
