import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { previewUpdate, type Role, type RoleDraft, updateRole } from '../api/roles'
import { FormModal } from '../components/form-modal'
import { RoleEffects } from './role-effects'
import { RoleFields } from './role-fields'

interface ChangeRoleProps {
  readonly tenant_id: string
  readonly role: Role
  readonly onSaved: () => Promise<unknown>
  readonly onClose: () => void
}

/** Changes a custom role in two steps: the first one shows the effect, the second one saves. */
export function ChangeRoleDialog({ tenant_id, role, onSaved, onClose }: ChangeRoleProps) {
  const [draft, setDraft] = useState<RoleDraft>(role)
  const previewing = useMutation({ mutationFn: () => previewUpdate(tenant_id, role, draft) })
  const saving = useMutation({
    mutationFn: () => updateRole(tenant_id, role, draft),
    onSuccess: async () => {
      await onSaved()
      onClose()
    },
  })
  const change = (next: RoleDraft) => {
    setDraft(next)
    // The effect that is shown must be that of the draft.
    previewing.reset()
    saving.reset()
  }
  const is_same = draft.name === role.name && [...draft.scopes].sort().join() === [...role.scopes].sort().join()
  const is_pending = previewing.isPending || saving.isPending
  return (
    <FormModal
      title={`Change ${role.name}`}
      onClose={onClose}
      error={previewing.error ?? saving.error}
      is_pending={is_pending}
      working="Working…"
      action={previewing.isSuccess ? 'Save the role' : 'Show the effect'}
      is_incomplete={is_same}
      result={previewing.data !== undefined && <RoleEffects effects={previewing.data} />}
      onSubmit={() => {
        if (previewing.isSuccess) saving.mutate()
        else previewing.mutate()
      }}
    >
      <RoleFields tenant_id={tenant_id} draft={draft} problem={previewing.error ?? saving.error} onChange={change} />
    </FormModal>
  )
}
