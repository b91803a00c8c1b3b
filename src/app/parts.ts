import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Upstreams } from '../features/upstreams/pool/upstreams.js'
import type { openUsageRecorder } from '../features/usage/recorder.js'
import type { Config } from '../kernel/config/config.js'
import type { Secrets } from '../kernel/config/secrets.js'
import type { Database } from '../kernel/database/database.js'
import type { Clock } from '../kernel/time/clock.js'
import type { Demo } from './demo/index.js'
import type { SchemaController } from './http/compilers.js'
import type { Row } from './pipeline/row.js'

/** What the gateway is made of. Tests bring their own clock and log. */
export interface Parts {
  readonly config: Config
  readonly secrets: Secrets
  readonly database: Database
  readonly clock: Clock
  readonly logger: FastifyServerOptions['logger']
  readonly isDraining: () => boolean
  /** The services behind the gateway. Undefined if the gateway has no manifest. */
  readonly upstreams?: Upstreams | undefined
  /** Returns the demo, or undefined before it is seeded. A process in production has no demo, and no route for it. */
  readonly demoNow?: () => Demo | undefined
  /** More routes under the same pipeline, registered last. For tests of the pipeline. */
  readonly more?: (app: FastifyInstance) => Promise<void>
  /** Another folder of the built console. For tests of a gateway whose console is not built. */
  readonly console_folder?: string
  /** Another table. For tests that add a row to the table of the gateway. */
  readonly table?: (table: readonly Row[]) => readonly Row[]
  /** Another recorder of usage. For the bench, which measures the cost of counting. */
  readonly openUsage?: typeof openUsageRecorder
  /** Another number of replicas that divide budgets. For tests, whose gateways share a database. */
  readonly countReplicas?: () => number
  /** Compilers that another gateway of the process has filled. For tests, which start a gateway for each file. */
  readonly compilers?: SchemaController
}
