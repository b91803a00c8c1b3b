import { type Static, Type } from 'typebox'
import type { UserRecord } from '../../kernel/identity/user-record.js'
import { effectiveScopes, type OverrideFact } from '../../kernel/permissions/evaluate.js'
import type { RoleFact } from '../../kernel/permissions/roles.js'
import type { ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'
import { Name, Nullable, strictObject } from '../../kernel/rest/schemas.js'

const Membership = Type.Object({
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  state: Type.String(),
  roles: Type.Array(Type.String()),
  scopes: Type.Array(Type.String()),
})

const PendingMembership = Type.Object({
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  roles: Type.Array(Type.String()),
  created_at: Type.String(),
})

const PendingAppointment = Type.Object(
  { privileges: Type.Array(Type.String()), created_at: Type.String() },
  {
    description:
      'An offer to become an operator of the platform. I accept or decline it with POST /v1/me/operator/accept or /decline.',
  },
)

const Invitation = Type.Object({
  id: Type.String(),
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  expires_at: Type.String(),
})

export const Me = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    name: Type.String(),
    email_verified_at: Nullable(Type.String()),
    created_at: Type.String(),
    invitations: Type.Array(Invitation, {
      description: 'Open invitations to my verified address. The link is in the mail.',
    }),
    privileges: Type.Array(Type.String(), {
      description: 'What I may do on the platform. Empty if I am no operator.',
    }),
    pending_appointment: Nullable(PendingAppointment),
    memberships: Type.Array(Membership, { description: 'Each of my tenants, with my roles and scopes in it.' }),
    pending_memberships: Type.Array(PendingMembership, {
      description:
        'Memberships that others offer me. I accept or decline each one under /v1/me/memberships/{tenant_id}.',
    }),
  },
  { $id: 'Me' },
)

export const ProfileChange = strictObject({ name: Name })

interface OfTenant {
  readonly tenant_id: string
  readonly tenant_name: string
}

interface MembershipRecord extends OfTenant {
  readonly state: string
  readonly created_at: string
  readonly roles: readonly RoleFact[]
  readonly overrides: readonly OverrideFact[]
}

interface InvitationRecord extends OfTenant {
  readonly id: string
  readonly expires_at: string
}

interface Relations {
  readonly memberships: readonly MembershipRecord[]
  readonly invitations: readonly InvitationRecord[]
  readonly appointment: Static<typeof PendingAppointment> | undefined
  readonly privileges: readonly string[]
}

/** A user with the tenants that they belong to, and what others offer them. */
export function toResponse(
  user: UserRecord,
  { memberships, invitations, appointment, privileges }: Relations,
  scopes: ScopeCatalogue,
): Static<typeof Me> {
  const [accepted, pending] = [
    memberships.filter(({ state }) => state !== 'pending'),
    memberships.filter(({ state }) => state === 'pending'),
  ]
  return {
    ...user,
    invitations: invitations.map(({ id, expires_at, ...of }) => ({ id, tenant: tenantOf(of), expires_at })),
    privileges: [...privileges],
    pending_appointment: appointment ?? null,
    memberships: accepted.map(({ state, roles, overrides, ...of }) => {
      const held = state === 'active' ? effectiveScopes({ kind: 'user', id: user.id, roles, overrides }, scopes) : []
      return {
        tenant: tenantOf(of),
        state,
        roles: roles.map((role) => role.name),
        scopes: held.map(({ scope }) => scope),
      }
    }),
    pending_memberships: pending.map(({ roles, created_at, ...of }) => ({
      tenant: tenantOf(of),
      roles: roles.map((role) => role.name),
      created_at,
    })),
  }
}

function tenantOf({ tenant_id, tenant_name }: OfTenant) {
  return { id: tenant_id, name: tenant_name }
}
