import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api, bodyOf } from '../../api/client'
import { useIdempotencyKeys } from '../../api/idempotency'
import { Field } from '../../components/field'
import { FormModal } from '../../components/form-modal'

/** Creates a tenant for an existing user, who becomes its Owner by accepting the membership. */
export function NewTenantDialog({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const keyFor = useIdempotencyKeys()
  const creating = useMutation({
    mutationFn: (body: { name: string; owner_email: string }) =>
      bodyOf(
        api.POST('/v1/platform/tenants', {
          params: { header: { 'Idempotency-Key': keyFor(body) } },
          body: body as never,
        }),
      ),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ['platform', 'tenants'] })
      await navigate({ to: '/platform/tenants/$id', params: { id } })
      onClose()
    },
  })
  return (
    <FormModal
      title="New tenant"
      about="Its first Owner is a user with a verified address, who must accept the membership."
      onClose={onClose}
      error={creating.error}
      is_pending={creating.isPending}
      working="Creating…"
      action="Create the tenant"
      onSubmit={(form) =>
        creating.mutate({ name: String(form.get('name')), owner_email: String(form.get('owner_email')).trim() })
      }
    >
      <Field label="Name" problem={creating.error} pointer="/name">
        {(control) => <input {...control} name="name" maxLength={200} autoComplete="off" required />}
      </Field>
      <Field label="Email of the Owner" problem={creating.error} pointer="/owner_email">
        {(control) => <input {...control} name="owner_email" type="email" autoComplete="off" required />}
      </Field>
    </FormModal>
  )
}
