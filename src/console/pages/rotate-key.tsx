import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import type { Key } from '../api/keys'
import { Field } from '../components/field'
import { FormModal } from '../components/form-modal'

const OVERLAPS = [
  { seconds: 86_400, name: '1 day' },
  { seconds: 3_600, name: '1 hour' },
  { seconds: 604_800, name: '7 days' },
  { seconds: 2_592_000, name: '30 days' },
  { seconds: 0, name: 'none: every old secret ends at once' },
] as const

interface RotateKeyProps {
  readonly tenant_id: string
  readonly record: Key
  readonly onRotated: (secret: string) => void
  readonly onClose: () => void
}

/** Gives a key a new secret. The old one works until the overlap ends. */
export function RotateKeyDialog({ tenant_id, record, onRotated, onClose }: RotateKeyProps) {
  const [overlap_seconds, setOverlap] = useState<number>(OVERLAPS[0].seconds)
  const rotating = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST('/v1/tenants/{tenant_id}/keys/{key_id}/rotate', {
          params: { path: { tenant_id, key_id: record.id } },
          body: { overlap_seconds },
        }),
      ),
    onSuccess: ({ key }) => {
      onClose()
      onRotated(key)
    },
  })
  return (
    <FormModal
      title={`Rotate ${record.name}`}
      about="The id of the key stays. Both secrets work during the overlap, so that no request fails while you change it."
      onClose={onClose}
      error={rotating.error}
      is_pending={rotating.isPending}
      working="Rotating…"
      action="Rotate"
      is_danger={overlap_seconds === 0}
      onSubmit={() => rotating.mutate()}
    >
      <Field label="Overlap">
        {(control) => (
          <select {...control} value={overlap_seconds} onChange={(event) => setOverlap(Number(event.target.value))}>
            {OVERLAPS.map(({ seconds, name }) => (
              <option key={seconds} value={seconds}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      {overlap_seconds === 0 && (
        <p className="note warn">Requests with the old secret fail from now on. Choose this after a leak.</p>
      )}
    </FormModal>
  )
}
