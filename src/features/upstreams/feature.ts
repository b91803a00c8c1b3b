import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { NO_STORE_PARTS } from '../../kernel/store/store-parts.js'
import type { Upstreams } from './pool/upstreams.js'
import { forwardToUpstreams, type UpstreamOptions } from './routes.js'

interface Services extends Omit<UpstreamOptions, 'upstreams'> {
  /** Undefined if the gateway has no manifest. */
  readonly upstreams: Upstreams | undefined
}

/** Services behind the gateway. */
export default {
  ...NO_STORE_PARTS,
  expiring: [],
  tags: [],
  routes({ upstreams, ...services }: Services) {
    return upstreams === undefined ? [] : [mount('', forwardToUpstreams, { ...services, upstreams })]
  },
} satisfies Feature
