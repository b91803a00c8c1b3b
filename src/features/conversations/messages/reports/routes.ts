import { tenant } from '../../../../kernel/request/access.js'
import { problems, type Routes } from '../../../../kernel/rest/schemas.js'
import { callerOf } from '../../caller.js'
import { NewReport, OwnReport, toOwnResponse } from '../../reports/schema.js'
import { MessageParams } from '../schema.js'

const tags = ['conversations']

/** The reports of one message. */
const messageReports: Routes = async (app) => {
  app.post(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'reportMessage',
        summary: 'Report a message to the moderators',
        description:
          'A user reports a message once. The moderators see a copy of the current message. The author does not learn who reported it.',
        tags,
        params: MessageParams,
        body: NewReport,
        response: {
          201: OwnReport,
          ...problems('user_required', 'not_found', 'already_reported', 'invalid_state'),
        },
      },
    },
    async (request, reply) => {
      const { id, message_id } = request.params
      const report = await request.tenant_store.write('message_report.created', (store) =>
        store.reports.create(id, message_id, request.body.reason, callerOf(request)),
      )
      return reply.code(201).send(toOwnResponse(report))
    },
  )
}
export default messageReports
