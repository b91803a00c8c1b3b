import { Link } from '@tanstack/react-router'
import type { Key, KeyState } from '../api/keys'
import { Instant } from '../components/instant'
import { Table } from '../components/table'
import { KeyStateBadge } from './key-state'

interface KeyFactsProps {
  readonly tenant_id: string
  readonly record: Key
  readonly state: KeyState
}

/** What a key may do, and how its secrets are used. */
export function KeyFacts({ tenant_id, record, state }: KeyFactsProps) {
  return (
    <>
      {record.secrets.length > 1 && <Overlap record={record} />}
      <dl className="facts">
        <dt>Id</dt>
        <dd className="mono">{record.id}</dd>
        <dt>State</dt>
        <dd>
          <KeyStateBadge state={state} /> <OptionalTime at={record.revoked_at ?? record.disabled_at} />
        </dd>
        <dt>Scopes without a user</dt>
        <dd>
          {record.scopes.length === 0
            ? 'none'
            : record.scopes.map((scope) => (
                <span key={scope}>
                  <code className="chip">{scope}</code>{' '}
                </span>
              ))}
        </dd>
        <dt>Networks</dt>
        <dd>{record.allowed_cidrs === null ? 'every network' : record.allowed_cidrs.join(', ')}</dd>
        <dt>Requests per minute</dt>
        <dd>{record.requests_per_minute ?? 'as many as the tenant'}</dd>
        <dt>Expires</dt>
        <dd>{record.expires_at === null ? 'never' : <Instant at={record.expires_at} />}</dd>
        <dt>Created</dt>
        <dd>
          <Instant at={record.created_at} />
        </dd>
      </dl>
      {record.secrets.length > 0 && <Secrets record={record} />}
      <Link to="/t/$tenant_id/why" params={{ tenant_id }} search={{ key_id: record.id }}>
        Why does a request with this key get its response?
      </Link>
    </>
  )
}

function Overlap({ record }: { readonly record: Key }) {
  const end = record.secrets.find(({ is_current }) => !is_current)?.expires_at
  return (
    <div className={record.safe_to_retire ? 'note' : 'note warn'}>
      <p>
        <strong>{record.safe_to_retire ? 'No application uses the old secret any more.' : 'Two secrets work.'}</strong>{' '}
        {record.safe_to_retire
          ? 'For 15 minutes the gateway has seen only the new one.'
          : 'The old one is in use, or the new one was not used yet. Give the new one to every application.'}
      </p>
      {end !== null && end !== undefined && (
        <p>
          The old secret ends <Instant at={end} />.
        </p>
      )}
    </div>
  )
}

function Secrets({ record: { secrets } }: { readonly record: Key }) {
  return (
    <Table columns={['Secret', 'Since', 'Last use', { numeric: 'Requests' }, 'Ends']}>
      {secrets.map((secret) => (
        <tr key={secret.is_current ? 'current' : 'old'}>
          <th scope="row">
            {secret.is_current ? 'current' : 'old'} <small className="mono">…{secret.last_four}</small>
          </th>
          <td>
            <OptionalTime at={secret.created_at} />
          </td>
          <td>{secret.last_used_at === null ? 'never' : <Instant at={secret.last_used_at} />}</td>
          <td className="number">{secret.requests.toLocaleString()}</td>
          <td>{secret.expires_at === null ? 'never' : <Instant at={secret.expires_at} />}</td>
        </tr>
      ))}
    </Table>
  )
}

function OptionalTime({ at }: { readonly at: string | null }) {
  return at === null ? null : <Instant at={at} />
}
