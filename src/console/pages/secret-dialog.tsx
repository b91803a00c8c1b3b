import { useRef, useState } from 'react'
import { Modal } from '../components/dialogs'

interface SecretDialogProps {
  readonly secret: string
  readonly onClose: () => void
}

/** Shows a new key. It is in no other response, so the dialog stays until the user says that it is stored. */
export function SecretDialog({ secret, onClose }: SecretDialogProps) {
  const [copied, setCopied] = useState('')
  const text = useRef<HTMLElement>(null)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret)
      setCopied('Copied.')
    } catch {
      // Without TLS a page may not write to the clipboard.
      if (text.current !== null) getSelection()?.selectAllChildren(text.current)
      setCopied('The browser does not let this page copy. The key is selected: press Ctrl+C.')
    }
  }
  return (
    <Modal
      title="The new key"
      about="Copy it now into the secrets of your application. The gateway keeps only a hash and cannot show it again."
      onClose={() => undefined}
    >
      <code ref={text} className="secret">
        {secret}
      </code>
      <p className="soft" role="status">
        {copied}
      </p>
      <div className="row end">
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" className="primary" onClick={onClose}>
          I have stored it
        </button>
      </div>
    </Modal>
  )
}
