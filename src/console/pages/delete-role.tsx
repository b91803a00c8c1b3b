import { useQuery } from '@tanstack/react-query'
import { deleteRole, previewDeletion, type Role } from '../api/roles'
import { Confirm } from '../components/dialogs'
import { Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { RoleEffects } from './role-effects'

interface DeleteRoleProps {
  readonly tenant_id: string
  readonly role: Role
  readonly onDeleted: () => Promise<unknown>
  readonly onClose: () => void
}

/** Deletes a custom role, after its effect is on the screen. */
export function DeleteRoleDialog({ tenant_id, role, onDeleted, onClose }: DeleteRoleProps) {
  const effects = useQuery({
    queryKey: ['roles', tenant_id, role.id, role.version, 'deletion'],
    queryFn: () => previewDeletion(tenant_id, role),
    staleTime: 0,
    gcTime: 0,
  })
  return (
    <Confirm
      title={`Delete ${role.name}`}
      action="Delete"
      is_ready={effects.isSuccess}
      onClose={onClose}
      onConfirm={async () => {
        await deleteRole(tenant_id, role)
        await onDeleted()
      }}
    >
      <p>The role is removed from every member. It cannot be restored.</p>
      <ProblemNotice error={effects.error} />
      {effects.isPending && <Progress>Computing the effect</Progress>}
      {effects.data !== undefined && <RoleEffects effects={effects.data} />}
    </Confirm>
  )
}
