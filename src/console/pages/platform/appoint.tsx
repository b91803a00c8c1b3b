import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../api/client'
import { type Choice, findUsers } from '../../api/find'
import { meQuery } from '../../api/me'
import { type Operator, useMayOnPlatform } from '../../api/platform'
import { Choices } from '../../components/choices'
import { Field } from '../../components/field'
import { FormModal } from '../../components/form-modal'
import { Picker } from '../../components/picker'

interface AppointProps {
  /** The operator whose privileges change. Undefined for a new offer. */
  readonly operator: Operator | undefined
  readonly onSaved: () => Promise<unknown>
  readonly onClose: () => void
}

/** Offers an appointment to a user, or changes the privileges of an operator at once. */
export function AppointDialog({ operator, onSaved, onClose }: AppointProps) {
  const may = useMayOnPlatform()
  const own = useQuery(meQuery).data?.privileges ?? []
  const [chosen, setChosen] = useState<Choice | null>(null)
  const [privileges, setPrivileges] = useState<readonly string[]>(operator?.privileges ?? [])
  const saving = useMutation({
    mutationFn: (typed_id: string | undefined) =>
      api.PUT('/v1/platform/operators/{user_id}', {
        params: { path: { user_id: operator?.user_id ?? chosen?.id ?? typed_id ?? '' } },
        body: { privileges: privileges as never },
      }),
    onSuccess: async () => {
      await onSaved()
      onClose()
    },
  })
  const options = [...new Set([...own, ...(operator?.privileges ?? [])])].map((value) => ({ value }))
  return (
    <FormModal
      title={operator === undefined ? 'Offer an appointment' : `Privileges of ${operator.name ?? 'the offer'}`}
      about="You can give the privileges that you hold."
      onClose={onClose}
      error={saving.error}
      is_pending={saving.isPending}
      action={operator === undefined ? 'Make the offer' : 'Save the privileges'}
      is_incomplete={privileges.length === 0 || needsUser(operator, chosen, may)}
      onSubmit={(form) => {
        const typed = form.get('user_id')
        saving.mutate(typed === null ? undefined : String(typed).trim())
      }}
    >
      {operator === undefined && may('platform:users:view') && (
        <Picker
          label="User"
          chosen={chosen}
          onChoose={setChosen}
          find={findUsers}
          query_key={['platform', 'find-users']}
        />
      )}
      {operator === undefined && !may('platform:users:view') && (
        <Field label="Id of the user">{(control) => <input {...control} name="user_id" required />}</Field>
      )}
      <Choices legend="Privileges" options={options} chosen={privileges} onChange={setPrivileges} />
    </FormModal>
  )
}

/** Whether the form still needs a choice of the user. */
function needsUser(operator: Operator | undefined, chosen: Choice | null, may: (privilege: string) => boolean) {
  return operator === undefined && chosen === null && may('platform:users:view')
}
