import { toInstant } from '../api/local-time'
import { useHolds } from '../api/me'
import { useScopes } from '../api/scopes'
import { Choices } from '../components/choices'
import { Field } from '../components/field'
import { ProblemNotice } from '../components/problem'

/** The fields of a key as a form has them. */
export interface KeyDraft {
  readonly name: string
  readonly scopes: readonly string[]
  /** Local time of the control, or empty. */
  readonly expires: string
  /** One network a line. */
  readonly networks: string
  readonly rate: string
}

export const NEW_KEY: KeyDraft = { name: '', scopes: [], expires: '', networks: '', rate: '' }

interface KeyFieldsProps {
  readonly tenant_id: string
  readonly draft: KeyDraft
  readonly problem: unknown
  readonly onChange: (draft: KeyDraft) => void
}

/** The fields of a new key and of a changed one. */
export function KeyFields({ tenant_id, draft, problem, onChange }: KeyFieldsProps) {
  const set = (change: Partial<KeyDraft>) => onChange({ ...draft, ...change })
  return (
    <>
      <Field label="Name" hint="Which application uses it." problem={problem} pointer="/name">
        {(control) => (
          <input
            {...control}
            value={draft.name}
            maxLength={200}
            required
            autoComplete="off"
            onChange={(event) => set({ name: event.target.value })}
          />
        )}
      </Field>
      <ScopeChoices tenant_id={tenant_id} chosen={draft.scopes} onChange={(scopes) => set({ scopes })} />
      <Field label="Expires" hint="In your time zone. Empty: never." problem={problem} pointer="/expires_at">
        {(control) => (
          <input
            {...control}
            type="datetime-local"
            value={draft.expires}
            onChange={(event) => set({ expires: event.target.value })}
          />
        )}
      </Field>
      <Field
        label="Networks"
        hint="One a line, such as 203.0.113.0/24. Empty: every network."
        problem={problem}
        pointer="/allowed_cidrs"
      >
        {(control) => (
          <textarea {...control} value={draft.networks} onChange={(event) => set({ networks: event.target.value })} />
        )}
      </Field>
      <Field
        label="Requests per minute"
        hint="Empty: as many as the tenant."
        problem={problem}
        pointer="/requests_per_minute"
      >
        {(control) => (
          <input
            {...control}
            type="number"
            min={1}
            max={1_000_000}
            value={draft.rate}
            onChange={(event) => set({ rate: event.target.value })}
          />
        )}
      </Field>
    </>
  )
}

interface ScopeChoicesProps {
  readonly tenant_id: string
  readonly chosen: readonly string[]
  readonly onChange: (chosen: readonly string[]) => void
}

/** The scopes that the user may give, which are those that the user holds, and those that the key has already. */
function ScopeChoices({ tenant_id, chosen, onChange }: ScopeChoicesProps) {
  const scopes = useScopes(tenant_id)
  const holds = useHolds(tenant_id)
  const options = (scopes.data ?? [])
    .filter(({ scope, is_known }) => chosen.includes(scope) || (is_known && holds(scope)))
    .map(({ scope, meaning }) => ({ value: scope, meaning }))
  return (
    <>
      <ProblemNotice error={scopes.error} />
      <Choices legend="Scopes without a user" options={options} chosen={chosen} onChange={onChange} />
      {chosen.length === 0 && <small>Without scopes, the key only names the tenant of a signed-in user.</small>}
    </>
  )
}

/** The members of a request body. Null where a field is empty. */
export function valuesOf({ name, scopes, expires, networks, rate }: KeyDraft) {
  const lines = networks
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return {
    name,
    scopes,
    expires_at: toInstant(expires) ?? null,
    allowed_cidrs: lines.length === 0 ? null : lines,
    requests_per_minute: rate === '' ? null : Number(rate),
  }
}
