import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../api/client'
import { type Key, stateOfKey, useKey } from '../api/keys'
import { Confirm } from '../components/dialogs'
import { Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { ChangeKeyDialog } from './change-key'
import { KeyFacts } from './key-facts'
import { RotateKeyDialog } from './rotate-key'
import { SecretDialog } from './secret-dialog'

type Step = 'rotate' | 'change' | 'revoke'

/** One key: what it may do, how its secrets are used, and what can be done with it. */
export function KeyPage() {
  const { tenant_id, key_id } = useParams({ from: '/t/$tenant_id/keys/$key_id' })
  const key = useKey(tenant_id, key_id)
  if (key.data === undefined) {
    return (
      <Page title="Key">
        {key.error === null ? <Progress>Loading the key</Progress> : <ProblemNotice error={key.error} />}
      </Page>
    )
  }
  return <LoadedKey tenant_id={tenant_id} record={key.data} />
}

function LoadedKey({ tenant_id, record }: { readonly tenant_id: string; readonly record: Key }) {
  const [step, setStep] = useState<Step>()
  const [secret, setSecret] = useState<string>()
  const queries = useQueryClient()
  const path = { tenant_id, key_id: record.id }
  const changed = () => queries.invalidateQueries({ queryKey: ['keys', tenant_id] })
  const close = () => setStep(undefined)
  const state = stateOfKey(record)
  const enabling = useMutation({
    mutationFn: (disabled: boolean) =>
      api.PATCH('/v1/tenants/{tenant_id}/keys/{key_id}', { params: { path }, body: { disabled } }),
    onSuccess: changed,
  })
  return (
    <Page
      title={record.name}
      actions={
        state !== 'revoked' && (
          <div className="row">
            <button type="button" className="primary" onClick={() => setStep('rotate')}>
              Rotate
            </button>
            <button type="button" onClick={() => setStep('change')}>
              Change
            </button>
            <button
              type="button"
              disabled={enabling.isPending}
              onClick={() => enabling.mutate(record.disabled_at === null)}
            >
              {record.disabled_at === null ? 'Disable' : 'Enable'}
            </button>
            <button type="button" className="hurts" onClick={() => setStep('revoke')}>
              Revoke
            </button>
          </div>
        )
      }
    >
      <Link to="/t/$tenant_id/keys" params={{ tenant_id }}>
        All keys
      </Link>
      <ProblemNotice error={enabling.error} />
      <KeyFacts tenant_id={tenant_id} record={record} state={state} />
      {step === 'rotate' && (
        <RotateKeyDialog tenant_id={tenant_id} record={record} onRotated={setSecret} onClose={close} />
      )}
      {step === 'change' && <ChangeKeyDialog tenant_id={tenant_id} record={record} onSaved={changed} onClose={close} />}
      {step === 'revoke' && (
        <Confirm
          title={`Revoke ${record.name}`}
          action="Revoke"
          onClose={close}
          onConfirm={async () => {
            await api.DELETE('/v1/tenants/{tenant_id}/keys/{key_id}', { params: { path } })
            await changed()
          }}
        >
          <p>The next request with this key is refused. A revoked key never works again.</p>
        </Confirm>
      )}
      {secret !== undefined && (
        <SecretDialog
          secret={secret}
          onClose={() => {
            setSecret(undefined)
            void changed()
          }}
        />
      )}
    </Page>
  )
}
