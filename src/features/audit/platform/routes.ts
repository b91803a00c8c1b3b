import { holds } from '../../../kernel/permissions/evaluate.js'
import { operator } from '../../../kernel/request/access.js'
import { pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { type ActorOptions, actorOnPlatform } from '../actor.js'
import { AuditEvent, AuditQuery, filtersOf } from '../schema.js'

/** The audit of every tenant and of the platform, for operators. */
const platformAudit: Routes<ActorOptions> = async (app, { scopesNow }) => {
  app.get(
    '',
    {
      config: operator('platform:audit:view'),
      schema: {
        operationId: 'listPlatformAuditEvents',
        summary: 'List audit events of every tenant and of the platform, newest first',
        description:
          'The names of users are for operators with platform:users:view, the names of keys for those with platform:tenants:view.',
        tags: ['platform'],
        querystring: AuditQuery,
        response: { 200: pageSchema(AuditEvent), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const { holdings } = request
      const shown = { users: holds(holdings, 'platform:users:view'), keys: holds(holdings, 'platform:tenants:view') }
      const actor_id = await actorOnPlatform(request, request.query, scopesNow)
      const page = await request.platform_store.read((store) =>
        store.audit.list(filtersOf(request.query, actor_id), readPage(request, 'position'), shown),
      )
      return sendPage(request, reply, page, (event) => event.position)
    },
  )
}
export default platformAudit
