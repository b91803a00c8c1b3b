import { sessionIdOf } from '../../../kernel/authz/principal.js'
import { checkNewPassword } from '../../../kernel/credentials/passwords.js'
import { user } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { identifyAgain, type LoginParts } from '../../auth/login.js'
import { PasswordChange } from './schema.js'

const tags = ['me']

/** My password. */
const password: Routes<LoginParts> = async (app, options) => {
  app.put(
    '',
    {
      config: user(),
      schema: {
        operationId: 'changePassword',
        summary: 'Change my password and end my other sessions',
        tags,
        body: PasswordChange,
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
        store.password.change(me, password_hash, sessionIdOf(request.principal)),
      )
      return reply.code(204).send(null)
    },
  )
}
export default password
