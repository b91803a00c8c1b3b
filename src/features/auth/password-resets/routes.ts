import { normaliseEmail } from '../../../kernel/credentials/email.js'
import { checkNewPassword, type Passwords } from '../../../kernel/credentials/passwords.js'
import type { AfterResponseQueue } from '../../../kernel/jobs/after-response.js'
import type { Limiter } from '../../../kernel/limits/limiter.js'
import type { LinkMail, Outbox } from '../../../kernel/mail/outbox.js'
import { passwordResetMail } from '../../../kernel/mail/templates.js'
import { open } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { deadLink } from '../dead-link.js'
import { logLink } from '../log-link.js'
import { limitLogins } from '../login.js'
import { Accepted, LinkParams } from '../schema.js'
import { NewPasswordReset, PasswordReset } from './schema.js'

const tags = ['auth']

export interface PasswordResetsOptions {
  readonly limiter: Limiter
  readonly passwords: Passwords
  readonly outbox: Outbox
  readonly after_response: AfterResponseQueue
  readonly public_url: string
}

/** Setting a new password with a link in a mail. */
const passwordResets: Routes<PasswordResetsOptions> = async (
  app,
  { limiter, passwords, outbox, after_response, public_url },
) => {
  const mail: LinkMail = { outbox, write: (to, token) => passwordResetMail(to, token, public_url) }

  app.post(
    '',
    {
      config: open(),
      schema: {
        operationId: 'requestPasswordReset',
        summary: 'Request a link to set a new password',
        description:
          'The response is the same whether or not a user has the address. The link works once, for 30 minutes. Within 2 minutes of a link the gateway sends no other. Using a link ends all of them.',
        tags,
        body: NewPasswordReset,
        response: { 202: Accepted, ...problems('rate_limited') },
      },
    },
    async (request, reply) => {
      await limitLogins(limiter, request, reply)
      after_response.assertRoom()
      const email = normaliseEmail(request.body.email)
      const { platform_store } = request
      const user_id = await platform_store.read((store) => store.password_resets.userOf(email))
      if (user_id !== undefined) {
        after_response.add(reply, async () => {
          const outcome = await platform_store.write('user.password_reset_sent', (store) =>
            store.password_resets.issue(user_id, mail),
          )
          logLink(reply.log, outcome)
        })
      }
      return reply.code(202).send({ status: 'accepted' })
    },
  )

  app.put(
    '/:token',
    {
      config: open(),
      schema: {
        operationId: 'resetPassword',
        summary: 'Set a new password with a link; every session ends',
        tags,
        params: LinkParams,
        body: PasswordReset,
        response: { 204: NoContent, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      await limitLogins(limiter, request, reply)
      const { token } = request.params
      // Reads the link first: an invalid link must not cost a password hash, and a weak password must not use up the link.
      const asked_by = await request.platform_store.read((store) => store.password_resets.ownerOf(token))
      if (asked_by === undefined) throw deadLink()
      checkNewPassword(request.body.password, [asked_by.email, asked_by.name])
      const password_hash = await passwords.hash(request.body.password)
      const owner = await request.platform_store.write('user.password_reset', (store) =>
        store.password_resets.use(token, password_hash),
      )
      if (owner === undefined) throw deadLink()
      return reply.code(204).send(null)
    },
  )
}
export default passwordResets
