import { audit } from './audit.js'
import { cost } from './cost.js'
import { customers } from './customers.js'
import { leases } from './leases.js'
import { neighbours } from './neighbours.js'
import { realtime } from './realtime.js'
import { scale } from './scale.js'
import type { Suite } from './suite.js'
import { upstream } from './upstream.js'
import { usage } from './usage.js'

/** Every suite, in the order of `npm run bench -- all`. Without a name, the first one runs. */
export const SUITES: readonly [Suite, ...Suite[]] = [
  customers,
  cost,
  audit,
  usage,
  realtime,
  upstream,
  neighbours,
  leases,
  scale,
]
