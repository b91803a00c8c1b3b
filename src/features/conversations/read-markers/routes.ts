import { tenant } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { callerOf } from '../caller.js'
import { ConversationParams } from '../schema.js'
import { ReadMarker, ReadMarkerWish } from './schema.js'

const tags = ['conversations']

/** How far the caller has read a conversation. */
const readMarkers: Routes = async (app) => {
  app.put(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'markRead',
        summary: 'Say how far I have read',
        description: 'The marker moves forwards only; an earlier seq changes nothing.',
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
