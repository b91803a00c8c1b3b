import { operator } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { Appointment, Operator, OperatorParams } from './schema.js'

const tags = ['platform']

/**
 * The operators of the platform. A user becomes one by accepting the offer of another operator. An operator can grant only
 * own privileges. One operator who can appoint always remains.
 */
const operators: Routes = async (app) => {
  app.get(
    '',
    {
      config: operator('platform:operators:manage'),
      schema: {
        operationId: 'listOperators',
        summary: 'List operators, also those who have not accepted yet, and their privileges',
        tags,
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(Operator), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) => store.operators.list(readPage(request)))
      return sendPage(request, reply, page, (each) => each.user_id)
    },
  )

  app.put(
    '/:user_id',
    {
      config: operator('platform:operators:manage'),
      schema: {
        operationId: 'appointOperator',
        summary: 'Offer a user to become an operator, or change the privileges of an operator',
        description:
          'The offer gives no privilege until the user accepts it with POST /v1/me/operator/accept. A change of an operator applies at once.',
        tags,
        params: OperatorParams,
        body: Appointment,
        response: {
          200: Operator,
          ...problems('not_found', 'privilege_escalation', 'last_operator', 'email_unverified', 'invalid_state'),
        },
      },
    },
    async (request) => {
      const { user_id } = request.params
      const { privileges } = request.body
      const { is_operator } = await request.platform_store.read((store) => store.logins.signedIn(user_id))
      if (is_operator) {
        await request.platform_store.write('operator.updated', (store) => store.operators.update(user_id, privileges))
      } else {
        await request.platform_store.write('operator.offered', (store) => store.operators.offer(user_id, privileges))
      }
      return request.platform_store.read((store) => store.operators.get(user_id))
    },
  )

  app.delete(
    '/:user_id',
    {
      config: operator('platform:operators:manage'),
      schema: {
        operationId: 'dismissOperator',
        summary: 'Dismiss an operator, whose next request is refused, or withdraw an offer',
        tags,
        params: OperatorParams,
        response: { 204: NoContent, ...problems('not_found', 'last_operator') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('operator.removed', (store) => store.operators.dismiss(request.params.user_id))
      return reply.code(204).send(null)
    },
  )
}
export default operators
