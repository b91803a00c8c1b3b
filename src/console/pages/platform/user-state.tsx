import type { PlatformUser } from '../../api/platform'

export function UserStateBadge({ user }: { readonly user: Pick<PlatformUser, 'disabled_at' | 'email_verified_at'> }) {
  if (user.disabled_at !== null) return <span className="badge bad">disabled</span>
  if (user.email_verified_at === null) return <span className="badge warn">email not verified</span>
  return <span className="badge good">active</span>
}
