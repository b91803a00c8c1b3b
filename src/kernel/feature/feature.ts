import type { ExpiringTable } from '../store/expired-rows.js'
import type { StoreParts } from '../store/store-parts.js'
import type { Mount } from './mount.js'

/** A tag of the OpenAPI document. Readers see the operations by tag. */
export interface Tag {
  readonly name: string
  readonly description: string
}

/**
 * Everything that one feature brings to the gateway. Every member is required, so a feature that forgets one does not
 * compile. Each folder of features has one such object, in its `feature.ts`.
 */
export interface Feature extends StoreParts {
  /** Tables whose rows have no use after `expires_at`. The sweep deletes such rows. */
  readonly expiring: readonly ExpiringTable[]
  /** The tags that this feature adds to the contract. Its routes can also have the tags of other features. */
  readonly tags: readonly Tag[]
  /**
   * The routes. A feature names the services that it needs as the type of this parameter; a gateway that lacks one of
   * them does not compile.
   */
  readonly routes: (services: never) => readonly Mount[]
}
