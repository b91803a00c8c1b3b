import { Type } from 'typebox'
import { normaliseEmail } from '../../kernel/credentials/email.js'
import { checkNewPassword, type Passwords } from '../../kernel/credentials/passwords.js'
import type { Afterwards } from '../../kernel/jobs/afterwards.js'
import type { Limiter } from '../../kernel/limits/limiter.js'
import { passwordResetMail } from '../../kernel/mail/letters.js'
import type { Mailer } from '../../kernel/mail/mailer.js'
import { Problem } from '../../kernel/problems/problems.js'
import { open } from '../../kernel/request/access.js'
import { closed, NoContent, problems, type Routes } from '../../kernel/rest/schemas.js'
import { limitLogins } from './login.js'
import { Accepted, Password } from './schema.js'

const tags = ['auth']
const TokenParams = closed({ token: Type.String({ minLength: 1, maxLength: 64 }) })

export interface RecoveryOptions {
  readonly limiter: Limiter
  readonly passwords: Passwords
  readonly mailer: Mailer
  readonly afterwards: Afterwards
  readonly public_url: string
}

/** Links in mails: a new password, and the proof of an address. */
const recovery: Routes<RecoveryOptions> = async (app, { limiter, passwords, mailer, afterwards, public_url }) => {
  app.post(
    '/password-resets',
    {
      config: open(),
      schema: {
        operationId: 'requestPasswordReset',
        summary: 'Ask for a link to set a new password',
        description:
          'The answer is the same whether or not the address has an account. The link works once, for 30 minutes.',
        tags,
        body: closed({ email: Type.String({ minLength: 1, maxLength: 254 }) }),
        response: { 202: Accepted, ...problems('rate_limited') },
      },
    },
    async (request, reply) => {
      await limitLogins(limiter, request, reply)
      afterwards.checkRoom()
      const email = normaliseEmail(request.body.email)
      const { platform_store } = request
      const user_id = await platform_store.read((store) => store.users.activeIdOf(email))
      if (user_id !== undefined) {
        afterwards.follow(reply, async () => {
          const token = await platform_store.write('user.password_reset_sent', (store) =>
            store.credentials.issueReset(user_id),
          )
          mailer.send(passwordResetMail(email, token, public_url))
        })
      }
      return reply.code(202).send({ status: 'accepted' })
    },
  )

  app.put(
    '/password-resets/:token',
    {
      config: open(),
      schema: {
        operationId: 'resetPassword',
        summary: 'Set a new password by a link; every session ends',
        tags,
        params: TokenParams,
        body: closed({ password: Password }),
        response: { 204: NoContent, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      await limitLogins(limiter, request, reply)
      const { token } = request.params
      // Looked up first: a dead link costs no password hash, and a weak password must not use a good one up.
      const asked_by = await request.platform_store.read((store) => store.users.ownerOfReset(token))
      if (asked_by === undefined) throw linkDead()
      checkNewPassword(request.body.password, [asked_by.email, asked_by.name])
      const password_hash = await passwords.hash(request.body.password)
      const owner = await request.platform_store.write('user.password_reset', (store) =>
        store.credentials.resetPassword(token, password_hash),
      )
      if (owner === undefined) throw linkDead()
      return reply.code(204).send(null)
    },
  )

  app.put(
    '/email-verifications/:token',
    {
      config: open(),
      schema: {
        operationId: 'verifyEmail',
        summary: 'Prove the address by the link that was sent to it',
        tags,
        params: TokenParams,
        response: { 204: NoContent, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      await limitLogins(limiter, request, reply)
      const owner = await request.platform_store.write('user.email_verified', (store) =>
        store.credentials.verifyEmail(request.params.token),
      )
      if (owner === undefined) throw linkDead()
      return reply.code(204).send(null)
    },
  )
}
export default recovery

function linkDead(): Problem {
  return new Problem('not_found', { detail: 'The link is unknown, was used, or is too old. Ask for a new one.' })
}
