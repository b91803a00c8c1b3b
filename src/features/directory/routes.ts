import type { FastifyReply, FastifyRequest } from 'fastify'
import { tenant } from '../../kernel/request/access.js'
import { pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { problems, type Routes } from '../../kernel/rest/schemas.js'
import { DirectoryEntry, DirectoryQuery } from './schema.js'
import { type DirectoryFilters, positionOf } from './store.js'

/** The names of those who can act in the tenant, for those who work with its conversations. */
const directory: Routes = async (app) => {
  app.get(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'listDirectory',
        summary: 'List names of the active members and the working keys',
        description:
          'For a hand-off, or to find who wrote a message. It has no email addresses: these are for members with users:manage.',
        tags: ['directory'],
        querystring: DirectoryQuery,
        response: { 200: pageSchema(DirectoryEntry), ...problems('invalid_cursor') },
      },
    },
    (request, reply) => sendDirectory(request, reply, request.query),
  )
}
export default directory

/** Sends a page of the directory of the tenant of a request. */
export async function sendDirectory(request: FastifyRequest, reply: FastifyReply, filters: DirectoryFilters) {
  const page = await request.tenant_store.read((store) => store.directory.list(filters, readPage(request, 'principal')))
  return sendPage(request, reply, page, positionOf)
}
