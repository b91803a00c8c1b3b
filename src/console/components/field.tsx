import { type ReactElement, type ReactNode, useId } from 'react'
import { ApiProblem } from '../api/problem'

interface FieldProps {
  readonly label: string
  readonly hint?: ReactNode
  /** The problem of the last attempt: the field shows what it says about the member at `pointer`. */
  readonly problem?: unknown
  readonly pointer?: string
  readonly narrow?: boolean
  readonly children: (control: ControlProps) => ReactElement
}

interface ControlProps {
  readonly id: string
  readonly 'aria-describedby': string | undefined
  readonly 'aria-invalid': boolean
}

/** A control with its label, a hint, and what the gateway says is wrong with it. */
export function Field({ label, hint, problem, pointer, narrow = false, children }: FieldProps) {
  const id = useId()
  const message = messageFor(problem, pointer)
  const described = [hint === undefined ? '' : `${id}-hint`, message === undefined ? '' : `${id}-error`]
    .filter(Boolean)
    .join(' ')
  return (
    <div className={narrow ? 'field narrow' : 'field'}>
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': message !== undefined })}
      {hint !== undefined && <small id={`${id}-hint`}>{hint}</small>}
      {message !== undefined && (
        <small className="error" id={`${id}-error`}>
          {message}
        </small>
      )}
    </div>
  )
}

function messageFor(problem: unknown, pointer: string | undefined): string | undefined {
  if (pointer === undefined || !(problem instanceof ApiProblem)) return undefined
  return problem.body.errors?.find((each) => each.pointer?.startsWith(pointer))?.message
}
