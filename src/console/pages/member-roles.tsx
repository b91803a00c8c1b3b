import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api/client'
import type { Member } from '../api/members'
import { useRoles } from '../api/roles'
import { Choices } from '../components/choices'
import { ProblemNotice } from '../components/problem'

interface MemberRolesProps {
  readonly tenant_id: string
  readonly member: Member
  readonly onSaved: () => Promise<unknown>
}

/** The roles of a member. The gateway refuses a role with more than the user holds. */
export function MemberRoles({ tenant_id, member, onSaved }: MemberRolesProps) {
  const [chosen, setChosen] = useState<readonly string[]>(member.roles)
  const saving = useMutation({
    mutationFn: () =>
      api.PATCH('/v1/tenants/{tenant_id}/members/{user_id}', {
        params: { path: { tenant_id, user_id: member.user_id } },
        body: { roles: [...chosen] },
      }),
    onSuccess: onSaved,
  })
  const is_same = [...chosen].sort().join() === [...member.roles].sort().join()
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        saving.mutate()
      }}
    >
      <RoleChoices tenant_id={tenant_id} chosen={chosen} onChange={setChosen} />
      <ProblemNotice error={saving.error} />
      <div className="row">
        <button type="submit" className="primary" disabled={is_same || saving.isPending}>
          {saving.isPending ? 'Saving…' : 'Save the roles'}
        </button>
      </div>
    </form>
  )
}

interface RoleChoicesProps {
  readonly tenant_id: string
  readonly chosen: readonly string[]
  readonly onChange: (chosen: readonly string[]) => void
}

/** Checkboxes for the roles of a tenant. */
export function RoleChoices({ tenant_id, chosen, onChange }: RoleChoicesProps) {
  const roles = useRoles(tenant_id)
  const options = (roles.data ?? []).map(({ name, scopes }) => ({
    value: name,
    meaning: scopes.length > 6 ? `${scopes.length} scopes` : scopes.join(', '),
  }))
  return (
    <>
      <ProblemNotice error={roles.error} />
      <Choices legend="Roles" options={options} chosen={chosen} onChange={onChange} />
    </>
  )
}
