import type { KeyState } from '../api/keys'

const LOOK: Readonly<Record<KeyState, string>> = {
  active: 'badge good',
  disabled: 'badge warn',
  expired: 'badge warn',
  revoked: 'badge bad',
}

export function KeyStateBadge({ state }: { readonly state: KeyState }) {
  return <span className={LOOK[state]}>{state}</span>
}
