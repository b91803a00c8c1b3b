import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import ownKey from './own/routes.js'
import keys, { type KeysOptions } from './routes.js'
import { KeysReader, KeysWriter } from './store.js'
import { KeyUseCounter } from './use-store.js'

/** The keys of a tenant, and the routes on which a key manages itself. */
export default {
  tenant_readers: { keys: KeysReader },
  tenant_writers: { keys: KeysWriter },
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: { key_use: KeyUseCounter },
  expiring: [],
  tags: [],
  routes({ clock, key_use }: KeysOptions) {
    return [
      mount('/v1/tenants/:tenant_id/keys', keys, { clock, key_use }),
      mount('/v1/key', ownKey, { clock, key_use }),
    ]
  },
} satisfies Feature
