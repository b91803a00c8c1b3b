import access from '../../features/access/feature.js'
import audit from '../../features/audit/feature.js'
import auth from '../../features/auth/feature.js'
import conversations from '../../features/conversations/feature.js'
import customers from '../../features/customers/feature.js'
import directory from '../../features/directory/feature.js'
import health from '../../features/health/feature.js'
import invitations from '../../features/invitations/feature.js'
import keys from '../../features/keys/feature.js'
import me from '../../features/me/feature.js'
import members from '../../features/members/feature.js'
import platform from '../../features/platform/feature.js'
import privacy from '../../features/privacy/feature.js'
import roles from '../../features/roles/feature.js'
import tenants from '../../features/tenants/feature.js'
import upstreams from '../../features/upstreams/feature.js'
import usage from '../../features/usage/feature.js'
import type { Mount } from '../../kernel/feature/mount.js'

/** Every feature of the gateway. Their tags, and those that share a plane, are in the order of the contract. */
export const FEATURES = {
  health,
  auth,
  me,
  tenants,
  keys,
  members,
  invitations,
  roles,
  access,
  directory,
  customers,
  conversations,
  privacy,
  platform,
  audit,
  usage,
  upstreams,
}

/** The planes of the contract, in its order: the service, the user, management, who calls, data, and the platform. */
const PLANES = ['', '/v1/auth', '/v1/me', '/v1/invitations', '/v1/tenants', '/v1/access', '/v1', '/v1/platform']

/** Mounts in the order of the contract. Within one plane they keep the order of the features. */
export function inContractOrder(mounts: readonly Mount[]): Mount[] {
  return mounts.toSorted((left, right) => planeOf(left) - planeOf(right))
}

/** The position of the longest plane that the prefix begins with. */
function planeOf({ prefix }: Mount): number {
  const plane = PLANES.filter((each) => each === '' || `${prefix}/`.startsWith(`${each}/`))
    .toSorted((left, right) => left.length - right.length)
    .at(-1)
  return PLANES.indexOf(plane ?? '')
}
