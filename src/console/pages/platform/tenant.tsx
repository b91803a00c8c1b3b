import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../api/client'
import { type PlatformTenant, stateOfTenant, useMayOnPlatform, usePlatformTenant } from '../../api/platform'
import { Instant } from '../../components/instant'
import { Page, Progress } from '../../components/page'
import { ProblemNotice } from '../../components/problem'
import { LockdownDialog } from './lockdown'
import { PlanForm } from './plan-form'
import { SuspendDialog } from './suspend'
import { TenantStateBadge } from './tenant-state'

/** One tenant as operators see it. */
export function PlatformTenantPage() {
  const { id } = useParams({ from: '/platform/tenants/$id' })
  const tenant = usePlatformTenant(id)
  if (tenant.data === undefined) {
    return (
      <Page title="Tenant">
        {tenant.error === null ? <Progress>Loading the tenant</Progress> : <ProblemNotice error={tenant.error} />}
      </Page>
    )
  }
  return <LoadedTenant tenant={tenant.data} />
}

type Step = 'suspend' | 'lockdown'

function LoadedTenant({ tenant }: { readonly tenant: PlatformTenant }) {
  const may_manage = useMayOnPlatform()('platform:tenants:manage')
  const queries = useQueryClient()
  const [step, setStep] = useState<Step>()
  const changed = () => queries.invalidateQueries({ queryKey: ['platform'] })
  const close = () => setStep(undefined)
  const state = stateOfTenant(tenant)
  const activating = useMutation({
    mutationFn: () => api.POST('/v1/platform/tenants/{id}/activate', { params: { path: { id: tenant.id } } }),
    onSuccess: changed,
  })
  return (
    <Page
      title={tenant.name}
      actions={
        may_manage && (
          <div className="row">
            {state === 'suspended' ? (
              <button type="button" disabled={activating.isPending} onClick={() => activating.mutate()}>
                Activate
              </button>
            ) : (
              <button type="button" className="hurts" onClick={() => setStep('suspend')}>
                Suspend
              </button>
            )}
            <button type="button" className="hurts" onClick={() => setStep('lockdown')}>
              Lock down
            </button>
          </div>
        )
      }
    >
      <Link to="/platform/tenants">All tenants</Link>
      <ProblemNotice error={activating.error} />
      <dl className="facts">
        <dt>Id</dt>
        <dd className="mono">{tenant.id}</dd>
        <dt>State</dt>
        <dd>
          <TenantStateBadge state={state} />
        </dd>
        {state === 'suspended' && (
          <>
            <dt>Reason</dt>
            <dd>{tenant.suspension_reason}</dd>
            <dt>Until</dt>
            <dd>
              {tenant.suspended_until === null ? 'an operator activates it' : <Instant at={tenant.suspended_until} />}
            </dd>
          </>
        )}
        <dt>Origins of pages</dt>
        <dd>{tenant.allowed_origins.join(', ') || 'none'}</dd>
        <dt>Created</dt>
        <dd>
          <Instant at={tenant.created_at} />
        </dd>
      </dl>
      <PlanForm
        key={`${tenant.plan} ${tenant.requests_per_minute} ${tenant.trial_ends_at}`}
        tenant={tenant}
        may_manage={may_manage}
        onSaved={changed}
      />
      {step === 'suspend' && <SuspendDialog tenant={tenant} onSaved={changed} onClose={close} />}
      {step === 'lockdown' && <LockdownDialog tenant={tenant} onDone={changed} onClose={close} />}
    </Page>
  )
}
