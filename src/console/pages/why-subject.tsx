import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { type Choice, findKeys, findMembers, keyChoice, memberChoice } from '../api/find'
import { Picker } from '../components/picker'

interface FieldOf {
  /** The choice that the form begins with. Later choices must not load the field again, because it would lose the focus. */
  readonly first_id: string | undefined
  readonly tenant_id: string
  readonly onChoose: (id: string | undefined) => void
}

/** Finds the member whose request is explained. */
export function MemberField({ tenant_id, first_id, onChoose }: FieldOf) {
  const member = useQuery({
    queryKey: ['members', tenant_id, first_id],
    queryFn: () =>
      bodyOf(
        api.GET('/v1/tenants/{tenant_id}/members/{user_id}', {
          params: { path: { tenant_id, user_id: first_id as string } },
        }),
      ),
    enabled: first_id !== undefined,
  })
  if (first_id !== undefined && member.isLoading) return null
  return (
    <ChoiceField
      label="Member"
      first={member.data === undefined ? null : memberChoice(member.data)}
      onChoose={onChoose}
      find={(text) => findMembers(tenant_id, text)}
      query_key={['find-members', tenant_id]}
    />
  )
}

/** Finds the key whose request is explained. */
export function KeyField({ tenant_id, first_id, onChoose }: FieldOf) {
  const key = useQuery({
    queryKey: ['keys', tenant_id, first_id],
    queryFn: () =>
      bodyOf(
        api.GET('/v1/tenants/{tenant_id}/keys/{key_id}', {
          params: { path: { tenant_id, key_id: first_id as string } },
        }),
      ),
    enabled: first_id !== undefined,
  })
  if (first_id !== undefined && key.isLoading) return null
  return (
    <ChoiceField
      label="Key"
      first={key.data === undefined ? null : keyChoice(key.data)}
      onChoose={onChoose}
      find={(text) => findKeys(tenant_id, text)}
      query_key={['find-keys', tenant_id]}
    />
  )
}

interface ChoiceFieldProps {
  readonly label: string
  readonly first: Choice | null
  readonly onChoose: (id: string | undefined) => void
  readonly find: (text: string) => Promise<readonly Choice[]>
  readonly query_key: readonly string[]
}

/** A picker that remembers what was chosen. */
function ChoiceField({ first, onChoose, ...picker }: ChoiceFieldProps) {
  const [chosen, setChosen] = useState(first)
  return (
    <Picker
      {...picker}
      chosen={chosen}
      onChoose={(choice) => {
        setChosen(choice)
        onChoose(choice?.id)
      }}
    />
  )
}
