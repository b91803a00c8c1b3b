import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { checkNewPassword } from '../../kernel/credentials/passwords.js'
import { verificationMail } from '../../kernel/mail/letters.js'
import type { Mailer } from '../../kernel/mail/mailer.js'
import { user } from '../../kernel/request/access.js'
import { closed, NoContent, Nullable, problems, type Routes, Uuid } from '../../kernel/rest/schemas.js'
import { identifyAgain, type LoginParts, limitLogins } from '../auth/login.js'
import { Accepted, Password } from '../auth/schema.js'

const tags = ['me']

const Session = Type.Object(
  {
    id: Type.String(),
    is_current: Type.Boolean(),
    address: Nullable(Type.String()),
    user_agent: Nullable(Type.String()),
    created_at: Type.String(),
    expires_at: Type.String(),
  },
  { $id: 'Session' },
)

export interface AccountOptions extends LoginParts {
  readonly mailer: Mailer
  readonly public_url: string
}

/** My password, my sessions, and the proof of my address. */
const account: Routes<AccountOptions> = async (app, options) => {
  app.put(
    '/password',
    {
      config: user(),
      schema: {
        operationId: 'changePassword',
        summary: 'Change my password; my other sessions end',
        tags,
        body: closed({ current_password: Password, new_password: Password }),
        response: { 204: NoContent, ...problems('invalid_credentials', 'rate_limited') },
      },
    },
    async (request, reply) => {
      const { id } = request.principal
      const { current_password, new_password } = request.body
      const me = await identifyAgain(options, request, reply, id, current_password)
      checkNewPassword(new_password, [me.email, me.name], '/new_password')
      const password_hash = await options.passwords.hash(new_password)
      await request.platform_store.write('user.password_changed', (store) =>
        store.credentials.changePassword(id, password_hash, currentSession(request)),
      )
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/sessions',
    {
      config: user(),
      schema: {
        operationId: 'listSessions',
        summary: 'Where I am signed in',
        tags,
        response: { 200: Type.Object({ data: Type.Array(Session) }) },
      },
    },
    async (request) => {
      const living = await request.platform_store.read((store) => store.sessions.livingOf(request.principal.id))
      return { data: living.map((session) => ({ ...session, is_current: session.id === currentSession(request) })) }
    },
  )

  app.delete(
    '/sessions/:session_id',
    {
      config: user(),
      schema: {
        operationId: 'endSession',
        summary: 'End one of my sessions at once',
        tags,
        params: closed({ session_id: Uuid }),
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('session.ended', (store) =>
        store.sessions.endOwn(request.params.session_id, request.principal.id),
      )
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/email-verification',
    {
      config: user(),
      schema: {
        operationId: 'requestEmailVerification',
        summary: 'Send me a link to prove my address',
        tags,
        response: { 202: Accepted, ...problems('rate_limited') },
      },
    },
    async (request, reply) => {
      // Whoever registered with somebody else's address must not be able to fill that mailbox.
      await limitLogins(options.limiter, request, reply)
      const { id } = request.principal
      const me = await request.platform_store.read((store) => store.users.get(id))
      if (me.email_verified_at === null) {
        const token = await request.platform_store.write('user.email_verification_sent', (store) =>
          store.credentials.issueVerification(id),
        )
        options.mailer.send(verificationMail(me.email, token, options.public_url))
      }
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}
export default account

function currentSession(request: FastifyRequest): string {
  const { principal } = request
  if (principal.kind === 'key') throw new Error('a key has no session')
  return principal.session_id
}
