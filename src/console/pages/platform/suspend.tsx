import { useMutation } from '@tanstack/react-query'
import { api } from '../../api/client'
import { toInstant } from '../../api/local-time'
import type { PlatformTenant } from '../../api/platform'
import { Field } from '../../components/field'
import { FormModal } from '../../components/form-modal'

interface SuspendProps {
  readonly tenant: PlatformTenant
  readonly onSaved: () => Promise<unknown>
  readonly onClose: () => void
}

/** Suspends a tenant, for a reason and perhaps until a time. */
export function SuspendDialog({ tenant, onSaved, onClose }: SuspendProps) {
  const saving = useMutation({
    mutationFn: (form: FormData) => {
      const until = toInstant(String(form.get('until')))
      return api.POST('/v1/platform/tenants/{id}/suspend', {
        params: { path: { id: tenant.id } },
        body: { reason: String(form.get('reason')), ...(until !== undefined && { until }) },
      })
    },
    onSuccess: async () => {
      await onSaved()
      onClose()
    },
  })
  return (
    <FormModal
      title={`Suspend ${tenant.name}`}
      about="The next request of its members and keys is refused with tenant_suspended. Nothing is deleted."
      onClose={onClose}
      error={saving.error}
      is_pending={saving.isPending}
      working="Suspending…"
      action="Suspend"
      is_danger
      onSubmit={(form) => saving.mutate(form)}
    >
      <Field
        label="Reason"
        hint="Its members and its keys with scopes read it in the 403. Up to 500 characters."
        problem={saving.error}
        pointer="/reason"
      >
        {(control) => <textarea {...control} name="reason" maxLength={500} required />}
      </Field>
      <Field
        label="Until"
        hint="In your time zone. Empty: until an operator activates the tenant."
        problem={saving.error}
        pointer="/until"
      >
        {(control) => <input {...control} name="until" type="datetime-local" />}
      </Field>
    </FormModal>
  )
}
