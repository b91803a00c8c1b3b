import cluster from 'node:cluster'
import { configure } from './kernel/config/config.js'
import { readEnvironment } from './kernel/config/env.js'
import { explainFailure } from './kernel/config/explain-failure.js'
import { loadSecrets } from './kernel/config/secrets.js'

/** Starts the process. The gateway is imported after the checks, so that a mistake is reported at once. */
async function main(): Promise<void> {
  const environment = readEnvironment()
  const config = configure(environment)
  const load = () => loadSecrets(environment, config.storage)
  // Without this variable, the keys are in the folder of the embedded database, which does not exist before its first start.
  const is_given = environment.JWT_SIGNING_KEYS !== undefined || config.storage.engine === 'pooled'
  const secrets = is_given ? await load() : load
  if (config.workers > 1 && config.storage.engine === 'pooled' && cluster.isPrimary) {
    const { runWorkers } = await import('./app/workers.js')
    return runWorkers(config)
  }
  const { runGateway } = await import('./app/run.js')
  await runGateway(config, secrets)
}

main().catch((error: unknown) => {
  process.stderr.write(`gatehouse: ${explainFailure(error) ?? (error as Error).stack}\n`)
  process.exitCode = 1
  // The connection to the process that started this worker would keep it running.
  cluster.worker?.disconnect()
})
