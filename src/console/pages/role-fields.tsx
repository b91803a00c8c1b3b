import { useHolds } from '../api/me'
import type { RoleDraft } from '../api/roles'
import { useScopes } from '../api/scopes'
import { Choices } from '../components/choices'
import { Field } from '../components/field'
import { ProblemNotice } from '../components/problem'

interface RoleFieldsProps {
  readonly tenant_id: string
  readonly draft: RoleDraft
  readonly problem: unknown
  readonly onChange: (draft: RoleDraft) => void
}

/** The name and the scopes of a role. A user can add the scopes that they hold. */
export function RoleFields({ tenant_id, draft, problem, onChange }: RoleFieldsProps) {
  const scopes = useScopes(tenant_id)
  const holds = useHolds(tenant_id)
  const options = (scopes.data ?? [])
    .filter(({ scope, is_known }) => draft.scopes.includes(scope) || (is_known && holds(scope)))
    .map(({ scope, meaning }) => ({ value: scope, meaning }))
  return (
    <>
      <Field label="Name" problem={problem} pointer="/name">
        {(control) => (
          <input
            {...control}
            value={draft.name}
            maxLength={60}
            required
            autoComplete="off"
            onChange={(event) => onChange({ ...draft, name: event.target.value })}
          />
        )}
      </Field>
      <ProblemNotice error={scopes.error} />
      <Choices
        legend="Scopes"
        options={options}
        chosen={draft.scopes}
        onChange={(scopes) => onChange({ ...draft, scopes })}
      />
    </>
  )
}
