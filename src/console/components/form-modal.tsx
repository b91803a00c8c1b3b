import type { ReactNode } from 'react'
import { Modal } from './dialogs'
import { ProblemNotice } from './problem'

interface FormModalProps {
  readonly title: string
  readonly about?: ReactNode
  /** The words of the button that sends the form, and those while the gateway works. */
  readonly action: string
  readonly working?: string
  readonly is_danger?: boolean
  readonly is_pending: boolean
  /** Whether something in the form is missing that a field cannot demand. */
  readonly is_incomplete?: boolean
  /** The problem of the last attempt. */
  readonly error: unknown
  readonly onSubmit: (form: FormData) => void
  readonly onClose: () => void
  /** The fields. */
  readonly children: ReactNode
  /** Stands between the problem and the buttons. */
  readonly result?: ReactNode
}

/** A dialog with a form. It stays open with the problem if the gateway refuses the form. */
export function FormModal(props: FormModalProps) {
  const { title, about, action, working = 'Saving…', is_danger = false, is_pending, is_incomplete = false } = props
  return (
    <Modal title={title} about={about} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          props.onSubmit(new FormData(event.currentTarget))
        }}
      >
        {props.children}
        <ProblemNotice error={props.error} />
        {props.result}
        <div className="row end">
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" className={is_danger ? 'danger' : 'primary'} disabled={is_pending || is_incomplete}>
            {is_pending ? working : action}
          </button>
        </div>
      </form>
    </Modal>
  )
}
