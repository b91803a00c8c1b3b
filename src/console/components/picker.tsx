import { Combobox } from '@base-ui/react/combobox'
import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useId, useState } from 'react'
import type { Choice } from '../api/find'
import { ProblemNotice } from './problem'

interface PickerProps {
  readonly label: string
  readonly chosen: Choice | null
  readonly onChoose: (choice: Choice | null) => void
  /** Finds choices for a text. Results of the same key and text are remembered. */
  readonly find: (text: string) => Promise<readonly Choice[]>
  readonly query_key: readonly string[]
}

/** A field that finds one of many: the user types a part of a name and chooses from what was found. */
export function Picker({ label, chosen, onChoose, find, query_key }: PickerProps) {
  const [text, setText] = useState(chosen?.name ?? '')
  const searched = useDeferredValue(text === chosen?.name ? '' : text.trim())
  const found = useQuery({ queryKey: [...query_key, searched], queryFn: () => find(searched) })
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <Combobox.Root
        items={found.data ?? []}
        value={chosen}
        onValueChange={onChoose}
        inputValue={text}
        onInputValueChange={setText}
        itemToStringLabel={({ name }: Choice) => name}
        isItemEqualToValue={(one: Choice, other: Choice) => one.id === other.id}
        filter={null}
      >
        <Combobox.Input id={id} placeholder="Type a part of the name" autoComplete="off" />
        <Combobox.Portal>
          <Combobox.Positioner className="picker-place" sideOffset={2}>
            <Combobox.Popup className="picker-popup" aria-label={label}>
              <Combobox.Status className="picker-note">{found.isFetching ? 'Searching…' : ''}</Combobox.Status>
              <Combobox.Empty className="picker-note">{found.isFetching ? '' : 'Nothing found.'}</Combobox.Empty>
              <Combobox.List>
                {(choice: Choice) => (
                  <Combobox.Item key={choice.id} value={choice} className="picker-item">
                    {choice.name}
                    <small>{choice.detail}</small>
                  </Combobox.Item>
                )}
              </Combobox.List>
            </Combobox.Popup>
          </Combobox.Positioner>
        </Combobox.Portal>
      </Combobox.Root>
      <ProblemNotice error={found.error} />
    </div>
  )
}
