import { sessionIdOf } from '../../../kernel/authz/principal.js'
import { user } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, positionOf, readOrderedPage, sendPage } from '../../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { Session, SessionParams } from './schema.js'

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
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(Session), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const { principal } = request
      const page = await request.platform_store.read((store) =>
        store.sessions.activeOf(principal.id, readOrderedPage(request)),
      )
      const rows = page.rows.map((session) => ({ ...session, is_current: session.id === sessionIdOf(principal) }))
      return sendPage(request, reply, { ...page, rows }, (each) => positionOf(Date.parse(each.created_at), each.id))
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
