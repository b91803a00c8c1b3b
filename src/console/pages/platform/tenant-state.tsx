import type { TenantState } from '../../api/platform'

const LOOK: Readonly<Record<TenantState, string>> = {
  active: 'badge good',
  suspended: 'badge bad',
  'trial over': 'badge warn',
}

export function TenantStateBadge({ state }: { readonly state: TenantState }) {
  return <span className={LOOK[state]}>{state}</span>
}
