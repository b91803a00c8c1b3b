import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api/client'
import { asScope } from '../api/scope'
import { Field } from '../components/field'
import { FormModal } from '../components/form-modal'

type Effect = 'grant' | 'deny'

interface OverrideDialogProps {
  readonly tenant_id: string
  readonly user_id: string
  /** The scope, if it is already decided. */
  readonly scope?: string
  /** The scopes to choose from otherwise. */
  readonly scopes?: readonly string[]
  readonly onSaved: () => Promise<unknown>
  readonly onClose: () => void
}

/** Grants or denies one scope to one member, with the reason that later readers will look for. */
export function OverrideDialog({ tenant_id, user_id, scope, scopes = [], onSaved, onClose }: OverrideDialogProps) {
  const [chosen, setChosen] = useState(scope ?? scopes[0] ?? '')
  const [effect, setEffect] = useState<Effect>('grant')
  const saving = useMutation({
    mutationFn: (reason: string) =>
      api.PUT('/v1/tenants/{tenant_id}/members/{user_id}/overrides/{scope}', {
        params: { path: { tenant_id, user_id, scope: asScope(chosen) } },
        body: { effect, reason },
      }),
    onSuccess: async () => {
      await onSaved()
      onClose()
    },
  })
  return (
    <FormModal
      title={scope === undefined ? 'Set an override' : `Grant ${scope}`}
      about="An override belongs to one member. A deny is stronger than every role and every grant."
      onClose={onClose}
      error={saving.error}
      is_pending={saving.isPending}
      action="Save"
      onSubmit={(form) => saving.mutate(String(form.get('reason')))}
    >
      {scope === undefined && (
        <>
          <Field label="Scope">
            {(control) => (
              <select {...control} value={chosen} onChange={(event) => setChosen(event.target.value)}>
                {scopes.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Effect">
            {(control) => (
              <select {...control} value={effect} onChange={(event) => setEffect(event.target.value as Effect)}>
                <option value="grant">grant</option>
                <option value="deny">deny</option>
              </select>
            )}
          </Field>
        </>
      )}
      <Field label="Reason" hint="For later readers, up to 500 characters." problem={saving.error} pointer="/reason">
        {(control) => <textarea {...control} name="reason" maxLength={500} required />}
      </Field>
    </FormModal>
  )
}
