import type { Member } from '../api/members'

const LOOK: Readonly<Record<Member['state'], string>> = {
  active: 'badge good',
  pending: 'badge warn',
  disabled: 'badge bad',
}

export function MemberStateBadge({ state }: { readonly state: Member['state'] }) {
  return <span className={LOOK[state]}>{state}</span>
}
