import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import type { Clock } from '../../kernel/time/clock.js'
import type { UsageRecorder } from './recorder.js'
import usage from './routes.js'
import { UsageCounter, UsageReader } from './store.js'

interface Services {
  readonly clock: Clock
  readonly usage: UsageRecorder
}

/** The usage of a tenant: its requests by hour. */
export default {
  tenant_readers: { usage: UsageReader },
  tenant_writers: {},
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: { usage: UsageCounter },
  expiring: [],
  tags: [],
  routes({ clock, usage: recorder }: Services) {
    return [mount('/v1/tenants/:tenant_id/usage', usage, { clock, recorder })]
  },
} satisfies Feature
