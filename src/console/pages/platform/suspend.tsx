import { useMutation } from '@tanstack/react-query'
import { api } from '../../api/client'
import { toInstant } from '../../api/local-time'
import type { PlatformTenant } from '../../api/platform'
import { Modal } from '../../components/dialogs'
import { Field } from '../../components/field'
import { ProblemNotice } from '../../components/problem'

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
    <Modal
      title={`Suspend ${tenant.name}`}
      about="The next request of its members and keys is refused with tenant_suspended. Nothing is deleted."
      onClose={onClose}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          saving.mutate(new FormData(event.currentTarget))
        }}
      >
        <Field label="Reason" hint="Operators see it, up to 500 characters." problem={saving.error} pointer="/reason">
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
        <ProblemNotice error={saving.error} />
        <div className="row end">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="danger" disabled={saving.isPending}>
            {saving.isPending ? 'Suspending…' : 'Suspend'}
          </button>
        </div>
      </form>
    </Modal>
  )
}
