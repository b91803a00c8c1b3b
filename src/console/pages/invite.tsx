import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api/client'
import { useIdempotencyKeys } from '../api/idempotency'
import { Field } from '../components/field'
import { FormModal } from '../components/form-modal'
import { RoleChoices } from './member-roles'

interface InviteProps {
  readonly tenant_id: string
  readonly onInvited: () => Promise<unknown>
  readonly onClose: () => void
}

/** Invites a person by mail, with the roles that they will have. */
export function InviteDialog({ tenant_id, onInvited, onClose }: InviteProps) {
  const [roles, setRoles] = useState<readonly string[]>([])
  const keyFor = useIdempotencyKeys()
  const inviting = useMutation({
    mutationFn: (email: string) => {
      const body = { email, roles: [...roles] }
      return api.POST('/v1/tenants/{tenant_id}/invitations', {
        params: { path: { tenant_id }, header: { 'Idempotency-Key': keyFor(body) } },
        body,
      })
    },
    onSuccess: async () => {
      await onInvited()
      onClose()
    },
  })
  return (
    <FormModal
      title="Invite somebody"
      about="The person receives a mail with a link, and accepts or declines."
      onClose={onClose}
      error={inviting.error}
      is_pending={inviting.isPending}
      working="Inviting…"
      action="Send the invitation"
      onSubmit={(form) => inviting.mutate(String(form.get('email')).trim())}
    >
      <Field label="Email" problem={inviting.error} pointer="/email">
        {(control) => <input {...control} name="email" type="email" autoComplete="off" required />}
      </Field>
      <RoleChoices tenant_id={tenant_id} chosen={roles} onChange={setRoles} />
    </FormModal>
  )
}
