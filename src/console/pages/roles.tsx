import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { meQuery } from '../api/me'
import { type Role, useRoles } from '../api/roles'
import { useScopes } from '../api/scopes'
import { Field } from '../components/field'
import { Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { ChangeRoleDialog } from './change-role'
import { DeleteRoleDialog } from './delete-role'
import { NewRoleDialog } from './new-role'
import { RoleTable } from './role-table'

/** The roles of a tenant as a table of scopes. System roles are the same in every tenant. */
export function Roles() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const { filter = '' } = useSearch({ from: '/t/$tenant_id/roles' })
  const navigate = useNavigate()
  const roles = useRoles(tenant_id)
  const scopes = useScopes(tenant_id)
  const [is_creating, setCreating] = useState(false)
  const [changing, setChanging] = useState<Role>()
  const [deleting, setDeleting] = useState<Role>()
  const queries = useQueryClient()
  const changed = async () => {
    for (const queryKey of [['roles', tenant_id], ['scopes', tenant_id], ['members', tenant_id], meQuery.queryKey]) {
      await queries.invalidateQueries({ queryKey })
    }
  }
  const error = roles.error ?? scopes.error
  return (
    <Page
      title="Roles"
      about="A role is a named set of scopes. System roles cannot change. Before a custom role changes, you see what its members gain and lose."
      actions={
        <button type="button" className="primary" onClick={() => setCreating(true)}>
          New role
        </button>
      }
    >
      <ProblemNotice error={error} />
      {error === null && (roles.isPending || scopes.isPending) && <Progress>Loading the roles</Progress>}
      <Field label="Find a scope">
        {(control) => (
          <input
            {...control}
            type="search"
            value={filter}
            onChange={(event) =>
              void navigate({
                to: '/t/$tenant_id/roles',
                params: { tenant_id },
                search: event.target.value === '' ? {} : { filter: event.target.value },
                replace: true,
              })
            }
          />
        )}
      </Field>
      {roles.data !== undefined && scopes.data !== undefined && (
        <RoleTable
          roles={roles.data}
          scopes={scopes.data}
          filter={filter}
          onChange={setChanging}
          onDelete={setDeleting}
        />
      )}
      {is_creating && <NewRoleDialog tenant_id={tenant_id} onSaved={changed} onClose={() => setCreating(false)} />}
      {changing !== undefined && (
        <ChangeRoleDialog
          tenant_id={tenant_id}
          role={changing}
          onSaved={changed}
          onClose={() => setChanging(undefined)}
        />
      )}
      {deleting !== undefined && (
        <DeleteRoleDialog
          tenant_id={tenant_id}
          role={deleting}
          onDeleted={changed}
          onClose={() => setDeleting(undefined)}
        />
      )}
    </Page>
  )
}
