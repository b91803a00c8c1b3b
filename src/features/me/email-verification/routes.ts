import type { Limiter } from '../../../kernel/limits/limiter.js'
import type { LinkMail, Outbox } from '../../../kernel/mail/outbox.js'
import { verificationMail } from '../../../kernel/mail/templates.js'
import { user } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { logLink } from '../../auth/log-link.js'
import { limitLogins } from '../../auth/login.js'
import { Accepted } from '../../auth/schema.js'

const tags = ['me']

export interface EmailVerificationOptions {
  readonly limiter: Limiter
  readonly outbox: Outbox
  readonly link_url: string
}

/** The verification of my address. */
const emailVerification: Routes<EmailVerificationOptions> = async (app, { limiter, outbox, link_url }) => {
  const mail: LinkMail = { outbox, write: (to, token) => verificationMail(to, token, link_url) }

  app.post(
    '',
    {
      config: user(),
      schema: {
        operationId: 'requestEmailVerification',
        summary: 'Send me a link that verifies my address',
        description:
          'The link works once, for 24 hours. Within 2 minutes of a link the gateway sends no other. Using a link ends all of them.',
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
        const outcome = await request.platform_store.write('user.email_verification_sent', (store) =>
          store.email_verifications.issue(id, mail),
        )
        logLink(request.log, outcome)
      }
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}
export default emailVerification
