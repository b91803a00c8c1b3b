import { BUILT_IN_SCOPES } from '../../src/kernel/permissions/scope-catalogue.js'
import type { Action } from '../../src/kernel/store/actions.js'
import type { TestGateway } from '../helpers/gateway.js'
import { linkMail } from '../helpers/link-mails.js'
import { ask } from '../helpers/requests.js'
import { PASSWORD, type World } from '../helpers/world.js'
import { makeMember, ownerOf, type Side, signedIn, somebodyNew } from './example-people.js'
import { type Example, type Examples, makeUser } from './examples.js'

const ANOTHER = 'walnut-harbour-crystal-93'

/** Examples of requests of a user for their own data. */
export function userExamples(gateway: TestGateway, world: World, side: Side): Examples {
  const own = world[side]
  const { person } = ownerOf(world, side)
  const byLink = async (
    action: Action,
    issue: 'password_resets' | 'email_verifications',
    sent: Pick<Example, 'body' | 'form'> = {},
  ): Promise<Example> => {
    const { id } = await makeUser(gateway, world)
    const mail = linkMail()
    await world.platform.write(action, (store) => store[issue].issue(id, mail))
    const token = mail.token()
    const event = {
      action,
      actor_kind: 'anonymous',
      actor_id: null,
      target_kind: 'user',
      target_id: id,
      tenant_id: null,
    }
    return { headers: {}, params: { token }, ...sent, event: event as Example['event'] }
  }
  const invited = async (action: Action): Promise<Example> => {
    const { id, email, headers } = await signedIn(gateway, world)
    const mail = linkMail()
    const record = await own.store.write('invitation.created', (store) =>
      store.invitations.create(email, ['Agent'], BUILT_IN_SCOPES, mail),
    )
    const token = mail.token()
    const event = { action, actor_kind: 'user', actor_id: id, target_kind: 'invitation' } as const
    return { headers, params: { token }, event: { ...event, target_id: record.id, tenant_id: own.id } }
  }

  const unregistered = async (sent: Pick<Example, 'body' | 'form'> = {}): Promise<Example> => {
    const mail = linkMail()
    const record = await own.store.write('invitation.created', (store) =>
      store.invitations.create(somebodyNew(), ['Agent'], BUILT_IN_SCOPES, mail),
    )
    const event = { action: 'invitation.joined', actor_kind: 'anonymous', actor_id: null } as const
    const target = { target_kind: 'invitation', target_id: record.id, tenant_id: own.id }
    return { headers: {}, params: { token: mail.token() }, ...sent, event: { ...event, ...target } }
  }
  const requested = async () => {
    const { id, email } = await makeUser(gateway, world)
    const event = { action: 'user.password_reset_sent', actor_kind: 'anonymous', actor_id: null } as const
    return { headers: {}, body: { email }, event: { ...event, target_kind: 'user', target_id: id, tenant_id: null } }
  }

  const offered = async (action: Action): Promise<Example> => {
    const { id, headers } = await signedIn(gateway, world)
    await own.store.write('member.added', (store) => store.members.add(id, ['Agent'], BUILT_IN_SCOPES))
    const event = { action, actor_kind: 'user', actor_id: id, target_kind: 'member', target_id: id } as const
    return { headers, params: { tenant_id: own.id }, event: { ...event, tenant_id: own.id } }
  }

  const appointed = async (action: Action): Promise<Example> => {
    const { id, headers } = await signedIn(gateway, world)
    await world.platform.write('operator.offered', (store) => store.operators.offer(id, ['platform:users:view']))
    const event = { action, actor_kind: 'user', actor_id: id, target_kind: 'operator', target_id: id } as const
    return { headers, event: { ...event, tenant_id: null } }
  }

  return {
    requestPasswordReset: requested,
    resetPassword: () => byLink('user.password_reset', 'password_resets', { body: { password: ANOTHER } }),
    verifyEmail: () => byLink('user.email_verified', 'email_verifications'),
    getResetRequestPage: async () => ({ headers: {} }),
    submitResetRequestPage: async () => {
      const { body, ...example } = await requested()
      return { ...example, form: body }
    },
    getResetPage: () => byLink('user.password_reset', 'password_resets'),
    submitResetPage: () => byLink('user.password_reset', 'password_resets', { form: { password: ANOTHER } }),
    getVerificationPage: () => byLink('user.email_verified', 'email_verifications'),
    submitVerificationPage: () => byLink('user.email_verified', 'email_verifications', { form: {} }),
    getReceivedInvitation: () => unregistered(),
    joinInvitation: async () => ({
      ...(await unregistered({ body: { name: 'New', password: ANOTHER } })),
      // The second write starts a session, as a login does.
      second_event: {
        ...{ action: 'session.started', actor_kind: 'anonymous', actor_id: null },
        ...{ target_kind: 'session', tenant_id: null },
      },
    }),
    getInvitationPage: () => unregistered(),
    submitInvitationPage: () => unregistered({ form: { name: 'New', password: ANOTHER } }),
    changePassword: async () => {
      const { id, headers } = await signedIn(gateway, world)
      const event = { action: 'user.password_changed', actor_kind: 'user', actor_id: id, target_kind: 'user' } as const
      const body = { current_password: PASSWORD, new_password: ANOTHER }
      return { headers, body, event: { ...event, target_id: id, tenant_id: null } }
    },
    listSessions: async () => ({ headers: await world.bearer(person) }),
    endSession: async () => {
      const { id, headers } = await signedIn(gateway, world)
      const { body } = await ask(gateway, '/v1/me/sessions', { headers })
      const session_id = body.data[0].id
      const event = { action: 'session.ended', actor_kind: 'user', actor_id: id, target_kind: 'session' } as const
      return { headers, params: { session_id }, event: { ...event, target_id: session_id, tenant_id: null } }
    },
    requestEmailVerification: async () => {
      const { id, headers } = await signedIn(gateway, world)
      await gateway.sql(`update users set email_verified_at = null where id = '${id}'`)
      const event = { action: 'user.email_verification_sent', actor_kind: 'user', actor_id: id } as const
      return { headers, event: { ...event, target_kind: 'user', target_id: id, tenant_id: null } }
    },
    acceptInvitation: () => invited('invitation.accepted'),
    declineInvitation: () => invited('invitation.declined'),
    acceptMembership: () => offered('member.accepted'),
    declineMembership: () => offered('member.declined'),
    acceptAppointment: () => appointed('operator.accepted'),
    declineAppointment: () => appointed('operator.declined'),
    createInvitation: async () => ({
      headers: await world.bearer(person),
      params: { tenant_id: own.id },
      body: { email: somebodyNew(), roles: ['Agent'] },
      event: {
        action: 'invitation.created',
        actor_kind: 'user',
        actor_id: world.ids[person],
        target_kind: 'invitation',
        tenant_id: own.id,
      },
    }),
    getMember: async () => ({
      headers: await world.bearer(person),
      params: { tenant_id: own.id, user_id: await makeMember(gateway, world, side) },
    }),
  }
}
