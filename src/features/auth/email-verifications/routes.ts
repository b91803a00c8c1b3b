import type { Limiter } from '../../../kernel/limits/limiter.js'
import { open } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { LinkParams } from '../schema.js'
import { verifyEmail } from './verify-email.js'

const tags = ['auth']

/** The verification of an address by a link in a mail. */
const emailVerifications: Routes<{ readonly limiter: Limiter }> = async (app, { limiter }) => {
  app.put(
    '/:token',
    {
      config: open(),
      schema: {
        operationId: 'verifyEmail',
        summary: 'Verify an address with the link from the mail',
        tags,
        params: LinkParams,
        response: { 204: NoContent, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      await verifyEmail(limiter, request, reply, request.params.token)
      return reply.code(204).send(null)
    },
  )
}
export default emailVerifications
