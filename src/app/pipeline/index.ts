import {
  addressIsAllowed,
  keyIsValid,
  membershipIsActive,
  originIsListed,
  privilegesAreHeld,
  scopesAreHeld,
  tenantIsActive,
  tokenIsSent,
  tokenIsValid,
  userIsOperator,
} from '../../kernel/authz/rules.js'
import { type Row, row } from './row.js'
import { checkRequest } from './steps/check-request.js'
import { countForgery, countRefusal } from './steps/count-refusal.js'
import { identifyTenant } from './steps/identify-tenant.js'
import { identifyUser } from './steps/identify-user.js'
import { limitAddress } from './steps/limit-address.js'
import { limitOperator } from './steps/limit-operator.js'
import { limitRoute } from './steps/limit-route.js'
import { limitTenant } from './steps/limit-tenant.js'
import { limitUser } from './steps/limit-user.js'
import { nameRoles } from './steps/name-roles.js'
import { openPlatformStore, openTenantStore } from './steps/open-stores.js'
import { recordKeyUse } from './steps/record-key-use.js'
import { redeemTicket } from './steps/redeem-ticket.js'

const O = 'open'
const U = 'user'
const M = 'member'
const T = 'tenant'
const S = 'ticket'
const P = 'operator'
const X = 'unrouted'

/**
 * THE TABLE: which check applies to which access, in which order. A request runs down its column, and every row may
 * refuse it. Budgets, headers and I/O are steps. Who may do what is a rule.
 *
 * It is the only list of these checks. Its rules also decide after a slow body, about open connections, and in
 * `access/explain`; its codes are the refusals in the contract (see `accessRules`).
 */
// biome-ignore format: it is a table
export const TABLE: readonly Row[] = [
  row({ columns: [O, U, M, T, S, P, X], step: limitAddress,       refuses: ['rate_limited'] }),
  row({ columns: [O, U, M, T, S, P, X], step: checkRequest,       refuses: ['malformed_request', 'duplicate_header', 'credentials_in_url', 'no_web_socket', 'uri_too_long', 'headers_too_large'] }),
  row({ columns: [            S      ], step: redeemTicket,       refuses: ['malformed_request', 'invalid_ticket', 'rate_limited'] }),
  row({ columns: [         T, S      ], step: identifyTenant,     refuses: ['tenant_credentials_required'] }),
  row({ columns: [         T, S      ], rule: keyIsValid,         refuses: ['invalid_tenant_credentials', 'rate_limited'], onRefusal: countRefusal }),
  row({ columns: [         T, S      ], rule: tenantIsActive,     refuses: ['tenant_suspended'] }),
  row({ columns: [         T, S      ], rule: addressIsAllowed,   refuses: ['address_not_allowed'] }),
  row({ columns: [         T, S      ], step: recordKeyUse,       refuses: [] }),
  row({ columns: [         T, S      ], rule: originIsListed,     refuses: ['origin_not_allowed'] }),
  row({ columns: [         T, S      ], step: limitTenant,        refuses: ['rate_limited'] }),
  row({ columns: [         T, S      ], step: limitRoute,         refuses: ['rate_limited'] }),
  row({ columns: [   U, M,       P   ], step: identifyUser,       refuses: [] }),
  row({ columns: [   U, M,       P   ], rule: tokenIsSent,        refuses: ['authentication_required'] }),
  row({ columns: [   U, M, T, S, P   ], rule: tokenIsValid,       refuses: ['invalid_token', 'rate_limited'], onRefusal: countForgery }),
  row({ columns: [   U, M            ], step: limitUser,          refuses: ['rate_limited'] }),
  row({ columns: [      M, T, S      ], rule: membershipIsActive, refuses: ['tenant_access_denied'] }),
  row({ columns: [      M            ], rule: tenantIsActive,     refuses: ['tenant_suspended'] }),
  row({ columns: [               P   ], rule: userIsOperator,     refuses: ['platform_access_denied'] }),
  row({ columns: [               P   ], step: limitOperator,      refuses: ['rate_limited'] }),
  row({ columns: [      M, T, S      ], step: openTenantStore,    refuses: [] }),
  row({ columns: [O, U,          P   ], step: openPlatformStore,  refuses: [] }),
  row({ columns: [      M, T, S      ], rule: scopesAreHeld,      refuses: ['insufficient_scope'], onRefusal: nameRoles }),
  row({ columns: [               P   ], rule: privilegesAreHeld,  refuses: ['platform_access_denied'] }),
]
