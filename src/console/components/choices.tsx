import { useId } from 'react'

interface ChoicesProps {
  readonly legend: string
  readonly options: readonly { readonly value: string; readonly meaning?: string }[]
  readonly chosen: readonly string[]
  readonly onChange: (chosen: readonly string[]) => void
}

/** A group of checkboxes for a list of names, such as scopes or roles. */
export function Choices({ legend, options, chosen, onChange }: ChoicesProps) {
  const id = useId()
  const toggle = (value: string, is_chosen: boolean) =>
    onChange(is_chosen ? [...chosen, value] : chosen.filter((each) => each !== value))
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className="choices">
        {options.map(({ value, meaning }, index) => (
          <div className="choice" key={value}>
            <input
              type="checkbox"
              id={`${id}-${index}`}
              checked={chosen.includes(value)}
              onChange={(event) => toggle(value, event.target.checked)}
            />
            <label htmlFor={`${id}-${index}`}>
              {value}
              {meaning !== undefined && <small>{meaning}</small>}
            </label>
          </div>
        ))}
      </div>
    </fieldset>
  )
}
