import { parseArgs } from 'node:util'
import { readManifestFile } from '../src/features/upstreams/manifest/manifest-file.js'
import { ConfigurationError } from '../src/kernel/config/env.js'
import { run } from './storage.js'

const USAGE = `usage: npm run upstreams -- check FILE

check  says whether FILE can be UPSTREAMS_FILE, as the gateway itself would say it at its start.`

/** Checks a manifest without starting the gateway. */
await run(async () => {
  const { positionals } = parseArgs({ allowPositionals: true })
  const [command, file] = positionals
  if (command !== 'check' || file === undefined || positionals.length !== 2) throw new ConfigurationError(USAGE)
  const { upstreams, scopes } = readManifestFile(file)
  const routes = upstreams.reduce((sum, each) => sum + each.routes.length + each.sockets.length, 0)
  console.log(`${file} is good: ${upstreams.length} upstreams, ${routes} routes, ${scopes.size} scopes of their own`)
})
