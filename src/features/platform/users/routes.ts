import { normaliseEmail } from '../../../kernel/credentials/email.js'
import { checkNewPassword, type Passwords } from '../../../kernel/credentials/passwords.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { operator } from '../../../kernel/request/access.js'
import { pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { DisablingReason, NewUser, toResponse, User, UserParams, UserQuery, UserWithMemberships } from './schema.js'

const tags = ['platform']

/** Users, for operators. */
const platformUsers: Routes<{ readonly passwords: Passwords }> = async (app, { passwords }) => {
  app.get(
    '',
    {
      config: operator('platform:users:view'),
      schema: {
        operationId: 'listPlatformUsers',
        summary: 'List users',
        tags,
        querystring: UserQuery,
        response: { 200: pageSchema(User), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const { search, email } = request.query
      const page = await request.platform_store.read((store) =>
        store.platform_users.list({ ...readPage(request), search }, email && normaliseEmail(email)),
      )
      return sendPage(request, reply, page, (user) => user.id)
    },
  )

  app.post(
    '',
    {
      config: operator('platform:users:manage'),
      schema: {
        operationId: 'createPlatformUser',
        summary: 'Create a user with a verified email',
        tags,
        body: NewUser,
        response: { 201: User, ...problems('already_exists') },
      },
    },
    async (request, reply) => {
      const { name, password } = request.body
      const email = normaliseEmail(request.body.email)
      checkNewPassword(password, [email, name])
      const password_hash = await passwords.hash(password)
      const created = await request.platform_store.write('user.created', async (store) => {
        const made = await store.users.create({ email, name, password_hash, is_verified: true })
        // Throws inside the transaction, so that a refusal does not keep the claim of an Idempotency-Key.
        if (made === undefined) throw new Problem('already_exists', { members: { conflicting_field: 'email' } })
        return made
      })
      return reply.code(201).header('location', `/v1/platform/users/${created.id}`).send(created)
    },
  )

  app.post(
    '/:id/disable',
    {
      config: operator('platform:users:manage'),
      schema: {
        operationId: 'disableUser',
        summary: 'Disable a user and end every session at once',
        tags,
        params: UserParams,
        body: DisablingReason,
        response: { 200: User, ...problems('not_found', 'last_operator') },
      },
    },
    async (request) =>
      request.platform_store.write('user.disabled', (store) =>
        store.platform_users.disable(request.params.id, request.body?.reason),
      ),
  )

  app.get(
    '/:id',
    {
      config: operator('platform:users:view'),
      schema: {
        operationId: 'getPlatformUser',
        summary: 'Get a user with memberships',
        tags,
        params: UserParams,
        response: { 200: UserWithMemberships, ...problems('not_found') },
      },
    },
    async (request) => {
      const { id } = request.params
      return request.platform_store.read(async (store) =>
        toResponse(await store.users.get(id), await store.memberships.of(id)),
      )
    },
  )

  app.post(
    '/:id/enable',
    {
      config: operator('platform:users:manage'),
      schema: {
        operationId: 'enableUser',
        summary: 'Enable a disabled user',
        tags,
        params: UserParams,
        response: { 200: User, ...problems('not_found', 'privilege_escalation') },
      },
    },
    async (request) =>
      request.platform_store.write('user.enabled', (store) => store.platform_users.enable(request.params.id)),
  )

  app.post(
    '/:id/unlock',
    {
      config: operator('platform:users:manage'),
      schema: {
        operationId: 'unlockUser',
        summary: 'Unlock a user after failed logins',
        tags,
        params: UserParams,
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('user.unlocked', (store) => store.platform_users.unlock(request.params.id))
      return reply.code(204).send(null)
    },
  )
}
export default platformUsers
