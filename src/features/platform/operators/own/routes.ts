import { user } from '../../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../../kernel/rest/schemas.js'
import { AcceptedAppointment } from './schema.js'

const tags = ['me']

/** The offer to become an operator: no operator makes another one, the user does. `GET /v1/me` shows it. */
const ownAppointment: Routes = async (app) => {
  app.post(
    '/accept',
    {
      config: user(),
      schema: {
        operationId: 'acceptAppointment',
        summary: 'Accept the offer to become an operator',
        tags,
        response: { 200: AcceptedAppointment, ...problems('not_found', 'invitation_closed') },
      },
    },
    async (request) =>
      request.platform_store.write('operator.accepted', (store) => store.own_appointment.accept(request.principal.id)),
  )

  app.post(
    '/decline',
    {
      config: user(),
      schema: {
        operationId: 'declineAppointment',
        summary: 'Decline the offer to become an operator',
        tags,
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('operator.declined', (store) =>
        store.own_appointment.decline(request.principal.id),
      )
      return reply.code(204).send(null)
    },
  )
}
export default ownAppointment
