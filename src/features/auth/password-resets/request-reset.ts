import type { FastifyReply, FastifyRequest } from 'fastify'
import { normaliseEmail } from '../../../kernel/credentials/email.js'
import type { AfterResponseQueue } from '../../../kernel/jobs/after-response.js'
import type { Limiter } from '../../../kernel/limits/limiter.js'
import type { LinkMail, Outbox } from '../../../kernel/mail/outbox.js'
import { passwordResetMail } from '../../../kernel/mail/templates.js'
import { logLink } from '../log-link.js'
import { limitLogins } from '../login.js'

export interface RequestResetParts {
  readonly limiter: Limiter
  readonly outbox: Outbox
  readonly after_response: AfterResponseQueue
  readonly link_url: string
}

/**
 * Sends a link to set a new password to the user of an address, after the response, so that the response reveals nothing
 * about the user. The API and the page call it.
 * @throws Problem `rate_limited`, `service_unavailable`
 */
export async function requestReset(
  { limiter, outbox, after_response, link_url }: RequestResetParts,
  request: FastifyRequest,
  reply: FastifyReply,
  given_email: string,
): Promise<void> {
  await limitLogins(limiter, request, reply)
  after_response.assertRoom()
  const email = normaliseEmail(given_email)
  const { platform_store } = request
  const mail: LinkMail = { outbox, write: (to, token) => passwordResetMail(to, token, link_url) }
  // An unknown address has a task as well. Otherwise a queue that fills up would tell which addresses have a user.
  after_response.add(reply, async () => {
    const user_id = await platform_store.read((store) => store.password_resets.userOf(email))
    if (user_id === undefined) return
    const outcome = await platform_store.write('user.password_reset_sent', (store) =>
      store.password_resets.issue(user_id, mail),
    )
    logLink(reply.log, outcome)
  })
}
