import { Link, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { type PlatformTenant, stateOfTenant, useMayOnPlatform, usePlatformTenants } from '../../api/platform'
import { Instant } from '../../components/instant'
import { Empty, Page, Progress } from '../../components/page'
import { Pager } from '../../components/pager'
import { ProblemNotice } from '../../components/problem'
import { Table } from '../../components/table'
import { NewTenantDialog } from './new-tenant'
import { TenantStateBadge } from './tenant-state'

/** The tenants of the platform. */
export function PlatformTenants() {
  const { cursor } = useSearch({ from: '/platform/tenants' })
  const may = useMayOnPlatform()
  const tenants = usePlatformTenants(cursor)
  const [is_creating, setCreating] = useState(false)
  return (
    <Page
      title="Tenants"
      actions={
        may('platform:tenants:manage') && (
          <button type="button" className="primary" onClick={() => setCreating(true)}>
            New tenant
          </button>
        )
      }
    >
      <ProblemNotice error={tenants.error} />
      {tenants.isPending && <Progress>Loading the tenants</Progress>}
      {tenants.data !== undefined && <TenantTable tenants={tenants.data.data} />}
      {tenants.data !== undefined && <Pager cursor={cursor} next_cursor={tenants.data.next_cursor} />}
      {is_creating && <NewTenantDialog onClose={() => setCreating(false)} />}
    </Page>
  )
}

function TenantTable({ tenants }: { readonly tenants: readonly PlatformTenant[] }) {
  if (tenants.length === 0)
    return <Empty>There is no tenant here. Create one for a user with a verified address.</Empty>
  return (
    <Table columns={['Name', 'State', 'Plan', { numeric: 'Requests per minute' }, 'Created']}>
      {tenants.map((tenant) => (
        <tr key={tenant.id}>
          <th scope="row">
            <Link to="/platform/tenants/$id" params={{ id: tenant.id }}>
              {tenant.name}
            </Link>
          </th>
          <td>
            <TenantStateBadge state={stateOfTenant(tenant)} />
          </td>
          <td>{tenant.plan}</td>
          <td className="number">{tenant.requests_per_minute?.toLocaleString() ?? 'default'}</td>
          <td>
            <Instant at={tenant.created_at} />
          </td>
        </tr>
      ))}
    </Table>
  )
}
