import ipaddr from 'ipaddr.js'
import type { TenantKeyRow } from '../../kernel/identity/keys-table.js'
import { Problem } from '../../kernel/problems/problems.js'

export interface UpdateKeyInput {
  readonly name?: string
  readonly scopes?: readonly string[]
  readonly expires_at?: string | null
  readonly allowed_cidrs?: readonly string[] | null
  readonly requests_per_minute?: number | null
  readonly disabled?: boolean
}

/**
 * Whether a new value lets the key do more than before: at other times, from other networks, or more often. A field that is
 * added to `UpdateKeyInput` does not compile until it is listed here.
 */
const WIDENS: {
  readonly [Field in keyof UpdateKeyInput]-?: (
    to: NonNullable<UpdateKeyInput[Field]> | null,
    before: TenantKeyRow,
  ) => boolean
} = {
  name: () => false,
  // New scopes are counted by themselves.
  scopes: () => false,
  // Instants compare as text.
  expires_at: (to, { expires_at }) => expires_at !== null && (to === null || to > expires_at),
  allowed_cidrs: (to, { allowed_cidrs }) =>
    allowed_cidrs !== null && (to === null || !to.every((network) => isWithin(network, allowed_cidrs))),
  requests_per_minute: (to, { requests_per_minute }) =>
    requests_per_minute !== null && (to === null || to > requests_per_minute),
  disabled: (to, { disabled_at }) => disabled_at !== null && to === false,
}

/**
 * The scopes that a change of a key grants. A change that widens the key grants all scopes that the key has afterwards,
 * because without the change nobody could use them in that way. Another change grants the scopes that it adds.
 */
export function scopesGrantedBy(change: UpdateKeyInput, before: TenantKeyRow): readonly string[] {
  const after = change.scopes ?? before.scopes
  return widens(change, before) ? after : after.filter((scope) => !before.scopes.includes(scope))
}

/**
 * Refuses a new expiry for an expired key, unless the change says that the key works again. An expired key counts as
 * retired: its copies were no longer guarded, and a change of its expiry alone can be a mistake.
 *
 * @throws Problem `invalid_state`
 */
export function checkRevival({ expires_at, disabled }: UpdateKeyInput, before: TenantKeyRow, now: string): void {
  const is_expired = before.expires_at !== null && before.expires_at <= now
  if (!is_expired || expires_at === undefined || disabled === false) return
  throw new Problem('invalid_state', {
    detail:
      'The key has expired. To let it work again, send disabled: false with the new expires_at, and better rotate it.',
  })
}

function widens(change: UpdateKeyInput, before: TenantKeyRow): boolean {
  return (Object.keys(WIDENS) as (keyof UpdateKeyInput)[]).some((field) => {
    const to = change[field]
    return to !== undefined && (WIDENS[field] as (to: unknown, before: TenantKeyRow) => boolean)(to, before)
  })
}

/** Whether one of these networks contains the whole network. All of them are in canonical form. */
function isWithin(network: string, networks: readonly string[]): boolean {
  const [address, bits] = ipaddr.parseCIDR(network)
  return networks.some((other) => {
    const [other_address, other_bits] = ipaddr.parseCIDR(other)
    return address.kind() === other_address.kind() && bits >= other_bits && address.match(other_address, other_bits)
  })
}
