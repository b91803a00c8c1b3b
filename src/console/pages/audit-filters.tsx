import { toInstant, toLocalTime } from '../api/local-time'
import { Field } from '../components/field'
import { type AuditSearch, readAuditSearch } from './audit-search'

interface AuditFiltersProps {
  readonly filters: AuditSearch
  /** Shows the events that match, by a URL with the filters. */
  readonly onShow: (search: AuditSearch) => void
}

/** The filters of the audit. They are in the URL, so that the list has a link. */
export function AuditFilters({ filters, onShow }: AuditFiltersProps) {
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        const form = new FormData(event.currentTarget)
        const text = (name: string) => String(form.get(name)).trim()
        onShow(
          readAuditSearch({
            action: text('action'),
            actor_id: text('actor_id'),
            target_id: text('target_id'),
            from: toInstant(text('from')),
            to: toInstant(text('to')),
          }),
        )
      }}
    >
      <div className="form-row">
        <Field label="Action" hint="Such as tenant_key.rotated">
          {(control) => <input {...control} name="action" defaultValue={filters.action} autoComplete="off" />}
        </Field>
        <Field label="Actor" hint="The id of a user or a key">
          {(control) => <input {...control} name="actor_id" defaultValue={filters.actor_id} autoComplete="off" />}
        </Field>
        <Field label="Target" hint="The id of what changed">
          {(control) => <input {...control} name="target_id" defaultValue={filters.target_id} autoComplete="off" />}
        </Field>
        <Field label="From" hint="In your time zone">
          {(control) => (
            <input {...control} name="from" type="datetime-local" defaultValue={toLocalTime(filters.from)} />
          )}
        </Field>
        <Field label="To" hint="In your time zone">
          {(control) => <input {...control} name="to" type="datetime-local" defaultValue={toLocalTime(filters.to)} />}
        </Field>
      </div>
      <div className="row">
        <button type="submit" className="primary">
          Filter
        </button>
        {Object.keys(filters).length > 0 && (
          <button type="button" onClick={() => onShow({})}>
            Show all
          </button>
        )}
      </div>
    </form>
  )
}
