import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { type Key, lastUseOf, stateOfKey, useKeys } from '../api/keys'
import { Instant } from '../components/instant'
import { Empty, Page, Progress } from '../components/page'
import { Pager } from '../components/pager'
import { ProblemNotice } from '../components/problem'
import { Table } from '../components/table'
import { KeyStateBadge } from './key-state'
import { NewKeyDialog } from './new-key'
import { SecretDialog } from './secret-dialog'

/** The keys of a tenant. */
export function Keys() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const { cursor } = useSearch({ from: '/t/$tenant_id/keys' })
  const keys = useKeys(tenant_id, cursor)
  const navigate = useNavigate()
  const [is_creating, setCreating] = useState(false)
  const [created, setCreated] = useState<{ key: string; id: string }>()
  return (
    <Page
      title="Keys"
      about="A key identifies an application. With a user, the scopes of the user decide. Without one, those of the key."
      actions={
        <button type="button" className="primary" onClick={() => setCreating(true)}>
          New key
        </button>
      }
    >
      <ProblemNotice error={keys.error} />
      {keys.isPending && <Progress>Loading the keys</Progress>}
      {keys.data !== undefined && <KeyTable tenant_id={tenant_id} keys={keys.data.data} />}
      {keys.data !== undefined && <Pager cursor={cursor} next_cursor={keys.data.next_cursor} />}
      {is_creating && <NewKeyDialog tenant_id={tenant_id} onClose={() => setCreating(false)} onCreated={setCreated} />}
      {created !== undefined && (
        <SecretDialog
          secret={created.key}
          onClose={() => void navigate({ to: '/t/$tenant_id/keys/$key_id', params: { tenant_id, key_id: created.id } })}
        />
      )}
    </Page>
  )
}

function KeyTable({ tenant_id, keys }: { readonly tenant_id: string; readonly keys: readonly Key[] }) {
  if (keys.length === 0)
    return <Empty>There is no key here. Make one with “New key”, for each application its own.</Empty>
  return (
    <Table columns={['Name', 'State', 'Scopes without a user', 'Last use', 'Expires']}>
      {keys.map((key) => (
        <tr key={key.id}>
          <th scope="row">
            <Link to="/t/$tenant_id/keys/$key_id" params={{ tenant_id, key_id: key.id }}>
              {key.name}
            </Link>{' '}
            <small className="mono">{key.id}</small>
          </th>
          <td>
            <KeyStateBadge state={stateOfKey(key)} /> {key.secrets.length > 1 && <RotationBadge record={key} />}
          </td>
          <td>{key.scopes.length === 0 ? 'none' : key.scopes.join(', ')}</td>
          <td>
            <OptionalInstant at={lastUseOf(key)} otherwise="never" />
          </td>
          <td>
            <OptionalInstant at={key.expires_at ?? undefined} otherwise="never" />
          </td>
        </tr>
      ))}
    </Table>
  )
}

function RotationBadge({ record }: { readonly record: Key }) {
  return record.safe_to_retire ? (
    <span className="badge good">rotated, old secret unused</span>
  ) : (
    <span className="badge warn">rotated, old secret in use</span>
  )
}

function OptionalInstant({ at, otherwise }: { readonly at: string | undefined; readonly otherwise: string }) {
  return at === undefined ? otherwise : <Instant at={at} />
}
