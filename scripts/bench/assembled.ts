import { createGateway } from '../../src/app/gateway.js'
import { logOptions } from '../../src/app/logging.js'
import type { UsageRecorder } from '../../src/features/usage/recorder.js'
import { configure } from '../../src/kernel/config/config.js'
import { readEnvironment } from '../../src/kernel/config/env.js'
import { loadSecrets } from '../../src/kernel/config/secrets.js'
import { openDatabase } from '../../src/kernel/database/open.js'

/**
 * Starts the gateway as main.ts does. With the argument `uncounted` its recorder of usage does nothing; nothing else
 * differs. The product has no such setting.
 */
const nothing: UsageRecorder = { record: () => undefined, flush: async () => 0, dropped: () => 0 }

const environment = readEnvironment()
const config = configure(environment)
const database = await openDatabase(config.storage, (error) => console.error(`a connection broke: ${error.message}`))
const { app } = await createGateway({
  config,
  secrets: await loadSecrets(environment, config.storage),
  database,
  clock: Date.now,
  logger: logOptions(config.log_level),
  isDraining: () => false,
  ...(process.argv[2] === 'uncounted' && { openUsage: () => nothing }),
})
process.once('SIGTERM', async () => {
  await app.close()
  await database.close()
})
await app.listen({ host: config.host, port: config.port })
