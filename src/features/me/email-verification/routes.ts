import type { Limiter } from '../../../kernel/limits/limiter.js'
import type { Mailer } from '../../../kernel/mail/mailer.js'
import { verificationMail } from '../../../kernel/mail/templates.js'
import { user } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { limitLogins } from '../../auth/login.js'
import { Accepted } from '../../auth/schema.js'

const tags = ['me']

export interface EmailVerificationOptions {
  readonly limiter: Limiter
  readonly mailer: Mailer
  readonly public_url: string
}

/** The verification of my address. */
const emailVerification: Routes<EmailVerificationOptions> = async (app, { limiter, mailer, public_url }) => {
  app.post(
    '',
    {
      config: user(),
      schema: {
        operationId: 'requestEmailVerification',
        summary: 'Send me a link that verifies my address',
        tags,
        response: { 202: Accepted, ...problems('rate_limited') },
      },
    },
    async (request, reply) => {
      // A user who registered with the address of another person must not be able to flood that mailbox.
      await limitLogins(limiter, request, reply)
      const { id } = request.principal
      const me = await request.platform_store.read((store) => store.users.get(id))
      if (me.email_verified_at === null) {
        const token = await request.platform_store.write('user.email_verification_sent', (store) =>
          store.email_verifications.issue(id),
        )
        mailer.send(verificationMail(me.email, token, public_url))
      }
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}
export default emailVerification
