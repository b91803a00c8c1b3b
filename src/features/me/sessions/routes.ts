import { sessionIdOf } from '../../../kernel/authz/principal.js'
import { user } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { SessionParams, Sessions } from './schema.js'

const tags = ['me']

/** My sessions. */
const sessions: Routes = async (app) => {
  app.get(
    '',
    {
      config: user(),
      schema: {
        operationId: 'listSessions',
        summary: 'List my sessions',
        tags,
        response: { 200: Sessions },
      },
    },
    async (request) => {
      const active = await request.platform_store.read((store) => store.sessions.activeOf(request.principal.id))
      return {
        data: active.map((session) => ({ ...session, is_current: session.id === sessionIdOf(request.principal) })),
      }
    },
  )

  app.delete(
    '/:session_id',
    {
      config: user(),
      schema: {
        operationId: 'endSession',
        summary: 'End one of my sessions at once',
        tags,
        params: SessionParams,
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('session.ended', (store) =>
        store.sessions.revokeOwn(request.params.session_id, request.principal.id),
      )
      return reply.code(204).send(null)
    },
  )
}
export default sessions
