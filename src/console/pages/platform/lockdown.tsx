import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import type { PlatformTenant } from '../../api/platform'
import { Confirm, Modal } from '../../components/dialogs'

interface LockdownProps {
  readonly tenant: PlatformTenant
  readonly onDone: () => Promise<unknown>
  readonly onClose: () => void
}

interface Ended {
  readonly keys_revoked: number
  readonly sessions_ended: number
  readonly invitations_revoked: number
}

/** Revokes everything that gives access to a tenant. The operator types the name of the tenant first. */
export function LockdownDialog({ tenant, onDone, onClose }: LockdownProps) {
  const [ended, setEnded] = useState<Ended>()
  if (ended !== undefined) {
    return (
      <Modal title={`${tenant.name} is locked down`} onClose={onClose}>
        <ul className="bullets">
          <li>{ended.keys_revoked} keys were revoked.</li>
          <li>{ended.sessions_ended} sessions were ended.</li>
          <li>{ended.invitations_revoked} invitations were revoked.</li>
        </ul>
        <p>A member must sign in again and create new keys.</p>
        <div className="row end">
          <button type="button" className="primary" onClick={onClose}>
            Close
          </button>
        </div>
      </Modal>
    )
  }
  return (
    <Confirm
      title={`Lock down ${tenant.name}`}
      action="Lock down"
      typed={tenant.name}
      // The result stays on the screen until the operator has read it.
      stays_open
      onClose={onClose}
      onConfirm={async () => {
        const answer = await bodyOf(
          api.POST('/v1/platform/tenants/{id}/lockdown', { params: { path: { id: tenant.id } }, body: {} }),
        )
        await onDone()
        setEnded(answer)
      }}
    >
      <p>
        This is for a leak. It revokes every key, every open invitation and every pending membership of the tenant, and
        ends every session of its members. It cannot be undone.
      </p>
    </Confirm>
  )
}
