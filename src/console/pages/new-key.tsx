import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { useIdempotencyKeys } from '../api/idempotency'
import { asScopes } from '../api/scope'
import { FormModal } from '../components/form-modal'
import { KeyFields, NEW_KEY, valuesOf } from './key-fields'

interface NewKeyProps {
  readonly tenant_id: string
  readonly onClose: () => void
  readonly onCreated: (created: { key: string; id: string }) => void
}

/** Creates a key. The response contains it once. */
export function NewKeyDialog({ tenant_id, onClose, onCreated }: NewKeyProps) {
  const [draft, setDraft] = useState(NEW_KEY)
  const queries = useQueryClient()
  const keyFor = useIdempotencyKeys()
  const creating = useMutation({
    mutationFn: () => {
      const { scopes, ...values } = valuesOf(draft)
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
      const body = { ...given, name: values.name, scopes: asScopes(scopes) }
      return bodyOf(
        api.POST('/v1/tenants/{tenant_id}/keys', {
          params: { path: { tenant_id }, header: { 'Idempotency-Key': keyFor(body) } },
          body,
        }),
      )
    },
    onSuccess: (created) => {
      void queries.invalidateQueries({ queryKey: ['keys', tenant_id] })
      onClose()
      onCreated(created)
    },
  })
  return (
    <FormModal
      title="New key"
      onClose={onClose}
      error={creating.error}
      is_pending={creating.isPending}
      working="Creating…"
      action="Create the key"
      onSubmit={() => creating.mutate()}
    >
      <KeyFields tenant_id={tenant_id} draft={draft} problem={creating.error} onChange={setDraft} />
    </FormModal>
  )
}
