import { tenant } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { callerOf } from '../caller.js'
import { ConversationParams } from '../schema.js'
import { ReadMarker, ReadMarkerWish } from './schema.js'

const tags = ['conversations']

/** The read marker of the caller in a conversation. */
const readMarkers: Routes = async (app) => {
  app.put(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'markRead',
        summary: 'Move my read marker',
        description: 'The marker only moves forward. An earlier seq changes nothing.',
        tags,
        params: ConversationParams,
        body: ReadMarkerWish,
        response: { 200: ReadMarker, ...problems('user_required', 'not_found') },
      },
    },
    (request) =>
      request.tenant_store.write('conversation.read', (store) =>
        store.read_markers.mark(request.params.id, request.body.seq, callerOf(request)),
      ),
  )
}
export default readMarkers
