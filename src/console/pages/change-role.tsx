import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { previewUpdate, type Role, type RoleDraft, updateRole } from '../api/roles'
import { Modal } from '../components/dialogs'
import { ProblemNotice } from '../components/problem'
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
    <Modal title={`Change ${role.name}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (previewing.isSuccess) saving.mutate()
          else previewing.mutate()
        }}
      >
        <RoleFields tenant_id={tenant_id} draft={draft} problem={previewing.error ?? saving.error} onChange={change} />
        <ProblemNotice error={previewing.error ?? saving.error} />
        {previewing.data !== undefined && <RoleEffects effects={previewing.data} />}
        <div className="row end">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={is_same || is_pending}>
            {wordsOf(is_pending, previewing.isSuccess)}
          </button>
        </div>
      </form>
    </Modal>
  )
}

function wordsOf(is_pending: boolean, is_previewed: boolean): string {
  if (is_pending) return 'Working…'
  return is_previewed ? 'Save the role' : 'Show the effect'
}
