import { open } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { Accepted, LinkParams } from '../schema.js'
import { type RequestResetParts, requestReset } from './request-reset.js'
import { type ResetParts, resetPassword } from './reset-password.js'
import { NewPasswordReset, PasswordReset } from './schema.js'

const tags = ['auth']

export interface PasswordResetsOptions extends ResetParts, RequestResetParts {}

/** Setting a new password with a link in a mail. */
const passwordResets: Routes<PasswordResetsOptions> = async (app, options) => {
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
      await requestReset(options, request, reply, request.body.email)
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
      await resetPassword(options, request, reply, request.params.token, request.body.password)
      return reply.code(204).send(null)
    },
  )
}
export default passwordResets
