import { useMutation } from '@tanstack/react-query'
import { api } from '../../api/client'
import { toInstant, toLocalTime } from '../../api/local-time'
import type { PlatformTenant } from '../../api/platform'
import { Field } from '../../components/field'
import { ProblemNotice } from '../../components/problem'

interface PlanFormProps {
  readonly tenant: PlatformTenant
  readonly may_manage: boolean
  readonly onSaved: () => Promise<unknown>
}

/** The plan of a tenant: its name, its budget and the end of its trial. */
export function PlanForm({ tenant, may_manage, onSaved }: PlanFormProps) {
  const saving = useMutation({
    mutationFn: (form: FormData) => {
      const rate = String(form.get('rate'))
      return api.PATCH('/v1/platform/tenants/{id}', {
        params: { path: { id: tenant.id } },
        body: {
          plan: String(form.get('plan')),
          requests_per_minute: rate === '' ? null : Number(rate),
          ...trialOf(String(form.get('trial')), tenant),
        },
      })
    },
    onSuccess: onSaved,
  })
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        saving.mutate(new FormData(event.currentTarget))
      }}
    >
      <div className="form-row">
        <Field label="Plan" problem={saving.error} pointer="/plan">
          {(control) => <input {...control} name="plan" defaultValue={tenant.plan} disabled={!may_manage} required />}
        </Field>
        <Field label="Requests per minute" problem={saving.error} pointer="/requests_per_minute">
          {(control) => (
            <input
              {...control}
              name="rate"
              type="number"
              min={1}
              placeholder="default"
              defaultValue={tenant.requests_per_minute ?? ''}
              disabled={!may_manage}
            />
          )}
        </Field>
        <Field label="End of the trial" problem={saving.error} pointer="/trial_ends_at">
          {(control) => (
            <input
              {...control}
              name="trial"
              type="datetime-local"
              defaultValue={toLocalTime(tenant.trial_ends_at ?? undefined)}
              disabled={!may_manage}
            />
          )}
        </Field>
      </div>
      <ProblemNotice error={saving.error} />
      {may_manage && (
        <div>
          <button type="submit" className="primary" disabled={saving.isPending}>
            {saving.isPending ? 'Saving…' : 'Save the plan'}
          </button>
        </div>
      )}
    </form>
  )
}

/** Only a changed end of the trial is sent: the gateway refuses one that has passed. */
function trialOf(local: string, tenant: PlatformTenant): { trial_ends_at?: string | null } {
  if (local === toLocalTime(tenant.trial_ends_at ?? undefined)) return {}
  return { trial_ends_at: toInstant(local) ?? null }
}
