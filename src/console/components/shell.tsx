import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useParams } from '@tanstack/react-router'
import { meQuery } from '../api/me'
import { session } from '../api/session'
import icon from '../assets/icon.svg'
import { Navigation } from './navigation'
import { ProblemNotice } from './problem'
import { ThemeChoice } from './theme'

/** The frame of every page: who is signed in, the choice of the tenant, and the pages of that tenant. */
export function Shell() {
  const { tenant_id } = useParams({ strict: false })
  return (
    <div className="frame">
      <a className="skip" href="#content">
        Skip to the page
      </a>
      <header className="top">
        <Link className="brand" to="/">
          <img src={icon} alt="" /> Gatehouse
        </Link>
        <TenantChoice tenant_id={tenant_id} />
        <span className="fill" />
        <ThemeChoice />
        <Person />
      </header>
      <Navigation tenant_id={tenant_id} />
      <main id="content" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  )
}

function TenantChoice({ tenant_id }: { readonly tenant_id: string | undefined }) {
  const me = useQuery(meQuery)
  const navigate = useNavigate()
  const tenants = me.data?.memberships.filter(({ state }) => state === 'active').map(({ tenant }) => tenant) ?? []
  if (me.error !== null) return <ProblemNotice error={me.error} />
  if (tenants.length === 0) return null
  const is_known = tenants.some(({ id }) => id === tenant_id)
  return (
    <select
      aria-label="Tenant"
      value={is_known ? tenant_id : ''}
      onChange={(event) => void navigate({ to: '/t/$tenant_id/why', params: { tenant_id: event.target.value } })}
    >
      {!is_known && <option value="">Choose a tenant</option>}
      {tenants.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  )
}

function Person() {
  const { data: me } = useQuery(meQuery)
  return (
    <>
      <Link className="soft" to="/account">
        {me?.email ?? 'Your account'}
      </Link>
      <button type="button" onClick={() => void session.signOut()}>
        Sign out
      </button>
    </>
  )
}
