import { useQuery } from '@tanstack/react-query'
import { Outlet, useParams } from '@tanstack/react-router'
import { api, bodyOf } from '../api/client'
import { meQuery, useMembership } from '../api/me'
import { Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'

/** The pages of a tenant, if the user is an active member of it. If not, what the gateway says about it. */
export function TenantFrame() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const me = useQuery(meQuery)
  const is_member = useMembership(tenant_id)?.state === 'active'
  const tenant = useQuery({
    queryKey: ['tenant', tenant_id],
    queryFn: () => bodyOf(api.GET('/v1/tenants/{tenant_id}', { params: { path: { tenant_id } } })),
    enabled: me.isSuccess && !is_member,
  })
  if (is_member || tenant.isSuccess) return <Outlet />
  if (me.error !== null || tenant.error !== null) {
    return (
      <Page title="No access">
        <ProblemNotice error={me.error ?? tenant.error} />
      </Page>
    )
  }
  return <Progress>Loading the tenant</Progress>
}
