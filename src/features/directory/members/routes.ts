import { member } from '../../../kernel/request/access.js'
import { pageSchema } from '../../../kernel/rest/pagination.js'
import { problems, type Routes, TenantParams } from '../../../kernel/rest/schemas.js'
import { sendDirectory } from '../routes.js'
import { DirectoryEntry, DirectoryQuery } from '../schema.js'

/** The names of those who can act in the tenant, for its members. */
const membersDirectory: Routes = async (app) => {
  app.get(
    '',
    {
      config: member(),
      schema: {
        operationId: 'listTenantDirectory',
        summary: 'List names of the active members and the working keys, as any member',
        description: 'As GET /v1/directory, for a member without a key.',
        tags: ['tenants'],
        params: TenantParams,
        querystring: DirectoryQuery,
        response: { 200: pageSchema(DirectoryEntry), ...problems('invalid_cursor') },
      },
    },
    (request, reply) => sendDirectory(request, reply, request.query),
  )
}
export default membersDirectory
