import { AlertDialog } from '@base-ui/react/alert-dialog'
import { Dialog } from '@base-ui/react/dialog'
import { useMutation } from '@tanstack/react-query'
import { type ReactNode, useId, useState } from 'react'
import { ProblemNotice } from './problem'

interface ModalProps {
  readonly title: string
  readonly about?: ReactNode
  /** Called when the user closes the dialog. */
  readonly onClose: () => void
  readonly children: ReactNode
}

/** A dialog that is open as long as it is rendered. */
export function Modal({ title, about, onClose, children }: ModalProps) {
  return (
    <Dialog.Root open onOpenChange={(open) => open || onClose()} disablePointerDismissal>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          <Dialog.Title>{title}</Dialog.Title>
          {about !== undefined && <Dialog.Description className="soft">{about}</Dialog.Description>}
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

interface ConfirmProps {
  readonly title: string
  /** What happens, and what cannot be undone. */
  readonly children: ReactNode
  /** The words of the button that does it. */
  readonly action: string
  /** A text that the user must type first. */
  readonly typed?: string
  /** False while the effect is not known yet. */
  readonly is_ready?: boolean
  /** True if the caller closes the dialog, for example to show a result. */
  readonly stays_open?: boolean
  readonly onConfirm: () => Promise<unknown>
  readonly onClose: () => void
}

/** Asks before something that hurts. The focus begins on the button that changes nothing. */
export function Confirm({
  title,
  children,
  action,
  typed,
  is_ready = true,
  stays_open = false,
  onConfirm,
  onClose,
}: ConfirmProps) {
  const [text, setText] = useState('')
  const id = useId()
  const doing = useMutation({ mutationFn: onConfirm, onSuccess: () => stays_open || onClose() })
  return (
    <AlertDialog.Root open onOpenChange={(open) => open || doing.isPending || onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description render={<div />}>{children}</AlertDialog.Description>
          {typed !== undefined && (
            <div className="field">
              <label htmlFor={id}>
                Type <code>{typed}</code> to confirm
              </label>
              <input id={id} value={text} autoComplete="off" onChange={(event) => setText(event.target.value)} />
            </div>
          )}
          <ProblemNotice error={doing.error} />
          <div className="row end">
            <AlertDialog.Close disabled={doing.isPending}>Cancel</AlertDialog.Close>
            <button
              type="button"
              className="danger"
              disabled={doing.isPending || !is_ready || (typed !== undefined && text !== typed)}
              onClick={() => doing.mutate()}
            >
              {doing.isPending ? 'Working…' : action}
            </button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
