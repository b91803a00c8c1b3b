import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api/client'
import { useIdempotencyKeys } from '../api/idempotency'
import type { RoleDraft } from '../api/roles'
import { asScopes } from '../api/scope'
import { FormModal } from '../components/form-modal'
import { RoleFields } from './role-fields'

interface NewRoleProps {
  readonly tenant_id: string
  readonly onSaved: () => Promise<unknown>
  readonly onClose: () => void
}

/** Creates a custom role. No member has it yet, so there is no effect to preview. */
export function NewRoleDialog({ tenant_id, onSaved, onClose }: NewRoleProps) {
  const [draft, setDraft] = useState<RoleDraft>({ name: '', scopes: [] })
  const keyFor = useIdempotencyKeys()
  const creating = useMutation({
    mutationFn: () => {
      const body = { name: draft.name, scopes: asScopes(draft.scopes) }
      return api.POST('/v1/tenants/{tenant_id}/roles', {
        params: { path: { tenant_id }, header: { 'Idempotency-Key': keyFor(body) } },
        body,
      })
    },
    onSuccess: async () => {
      await onSaved()
      onClose()
    },
  })
  return (
    <FormModal
      title="New role"
      onClose={onClose}
      error={creating.error}
      is_pending={creating.isPending}
      working="Creating…"
      action="Create the role"
      onSubmit={() => creating.mutate()}
    >
      <RoleFields tenant_id={tenant_id} draft={draft} problem={creating.error} onChange={setDraft} />
    </FormModal>
  )
}
