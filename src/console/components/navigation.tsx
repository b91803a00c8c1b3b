import { Link } from '@tanstack/react-router'
import { useHolds } from '../api/me'
import { useMayOnPlatform } from '../api/platform'

/** The pages of a tenant. A page with a scope is only offered to members who hold it. */
const PAGES = [
  { to: '/t/$tenant_id/why', name: 'Why?', scope: undefined },
  { to: '/t/$tenant_id/keys', name: 'Keys', scope: 'keys:manage' },
  { to: '/t/$tenant_id/members', name: 'Members', scope: 'users:manage' },
  { to: '/t/$tenant_id/invitations', name: 'Invitations', scope: 'users:manage' },
  { to: '/t/$tenant_id/roles', name: 'Roles', scope: 'users:manage' },
  { to: '/t/$tenant_id/audit', name: 'Audit', scope: 'audit:view' },
  { to: '/t/$tenant_id/usage', name: 'Usage', scope: 'analytics:view' },
  { to: '/t/$tenant_id/settings', name: 'Settings', scope: 'settings:manage' },
] as const

/** The pages of operators, with their privileges. */
const PLATFORM_PAGES = [
  { to: '/platform/overview', name: 'Overview', privilege: 'platform:analytics:view' },
  { to: '/platform/tenants', name: 'Tenants', privilege: 'platform:tenants:view' },
  { to: '/platform/users', name: 'Users', privilege: 'platform:users:view' },
  { to: '/platform/operators', name: 'Operators', privilege: 'platform:operators:manage' },
  { to: '/platform/audit', name: 'Audit of the platform', privilege: 'platform:audit:view' },
] as const

/** Links to the pages that the user may see. */
export function Navigation({ tenant_id }: { readonly tenant_id: string | undefined }) {
  const holds = useHolds(tenant_id)
  const may = useMayOnPlatform()
  const platform_pages = PLATFORM_PAGES.filter(({ privilege }) => may(privilege))
  return (
    <nav className="side" aria-label="Pages">
      {tenant_id !== undefined && (
        <ul>
          {PAGES.filter(({ scope }) => scope === undefined || holds(scope)).map(({ to, name }) => (
            <li key={to}>
              <Link to={to} params={{ tenant_id }}>
                {name}
              </Link>
            </li>
          ))}
        </ul>
      )}
      {platform_pages.length > 0 && (
        <>
          <p className="side-title">Platform</p>
          <ul>
            {platform_pages.map(({ to, name }) => (
              <li key={to}>
                <Link to={to}>{name}</Link>
              </li>
            ))}
          </ul>
        </>
      )}
    </nav>
  )
}
