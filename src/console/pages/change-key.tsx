import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api/client'
import type { Key } from '../api/keys'
import { toLocalTime } from '../api/local-time'
import { asScopes } from '../api/scope'
import { FormModal } from '../components/form-modal'
import { type KeyDraft, KeyFields, valuesOf } from './key-fields'

interface ChangeKeyProps {
  readonly tenant_id: string
  readonly record: Key
  readonly onSaved: () => Promise<unknown>
  readonly onClose: () => void
}

/** Changes what a key may do: fewer scopes, a nearer end, fewer networks or requests; or more, if the user holds it. */
export function ChangeKeyDialog({ tenant_id, record, onSaved, onClose }: ChangeKeyProps) {
  const [draft, setDraft] = useState(() => draftOf(record))
  const saving = useMutation({
    mutationFn: () => {
      const before = valuesOf(draftOf(record))
      const after = valuesOf(draft)
      // Only what changed: a member that another user changed at the same time stays.
      const changed = Object.entries(after).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof typeof before]),
      )
      const body = { ...Object.fromEntries(changed) } as Omit<Partial<typeof after>, 'scopes'>
      const scopes = changed.some(([name]) => name === 'scopes') ? { scopes: asScopes(after.scopes) } : {}
      return api.PATCH('/v1/tenants/{tenant_id}/keys/{key_id}', {
        params: { path: { tenant_id, key_id: record.id } },
        body: { ...body, ...scopes },
      })
    },
    onSuccess: async () => {
      await onSaved()
      onClose()
    },
  })
  return (
    <FormModal
      title={`Change ${record.name}`}
      about="The change applies from the next request of the key."
      onClose={onClose}
      error={saving.error}
      is_pending={saving.isPending}
      action="Save"
      is_incomplete={isSame(draft, draftOf(record))}
      onSubmit={() => saving.mutate()}
    >
      <KeyFields tenant_id={tenant_id} draft={draft} problem={saving.error} onChange={setDraft} />
    </FormModal>
  )
}

function draftOf(record: Key): KeyDraft {
  return {
    name: record.name,
    scopes: record.scopes,
    expires: toLocalTime(record.expires_at ?? undefined),
    networks: record.allowed_cidrs?.join('\n') ?? '',
    rate: record.requests_per_minute?.toString() ?? '',
  }
}

function isSame(one: KeyDraft, other: KeyDraft): boolean {
  return JSON.stringify(valuesOf(one)) === JSON.stringify(valuesOf(other))
}
