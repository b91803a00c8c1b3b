import type { FastifyRequest } from 'fastify'
import { holds } from '../../../kernel/permissions/evaluate.js'
import { tenant } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { principalOf } from '../caller.js'
import { Decision, OwnReport, Report, ReportParams, ReportQuery, toOwnResponse, toResponse } from './schema.js'
import type { ReportRecord } from './store.js'

const tags = ['conversations']

/** The reports of a tenant: my reports, and the queue of the moderators. */
const reports: Routes = async (app) => {
  app.get(
    '',
    {
      config: tenant('conversations:moderate'),
      schema: {
        operationId: 'listReports',
        summary: 'List reports, newest first',
        description: 'The list leaves out reports about messages of the caller.',
        tags,
        querystring: strictObject(ReportQuery),
        response: { 200: pageSchema(Report), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const { rows, has_more } = await request.tenant_store.read((store) =>
        store.reports.list(request.query.status, readPage(request), principalOf(request)),
      )
      return sendPage(
        request,
        reply,
        { rows: rows.map((row) => shownTo(request, row)), has_more },
        (report) => report.id,
      )
    },
  )

  app.get(
    '/mine',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'listMyReports',
        summary: 'List my reports, newest first',
        tags,
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(OwnReport), ...problems('invalid_cursor', 'user_required') },
      },
    },
    async (request, reply) => {
      const { rows, has_more } = await request.tenant_store.read((store) =>
        store.reports.mine(readPage(request), principalOf(request)),
      )
      return sendPage(request, reply, { rows: rows.map(toOwnResponse), has_more }, (report) => report.id)
    },
  )

  app.get(
    '/:id',
    {
      config: tenant('conversations:moderate'),
      schema: {
        operationId: 'getReport',
        summary: 'Get a report',
        tags,
        params: ReportParams,
        response: { 200: Report, ...problems('not_found') },
      },
    },
    async (request) =>
      shownTo(
        request,
        await request.tenant_store.read((store) => store.reports.get(request.params.id, principalOf(request))),
      ),
  )

  for (const [path, status, operationId, summary] of [
    ['review', 'reviewed', 'reviewReport', 'Accept a report'],
    ['dismiss', 'dismissed', 'dismissReport', 'Dismiss a report'],
  ] as const) {
    app.post(
      `/:id/${path}`,
      {
        config: tenant('conversations:moderate'),
        schema: {
          operationId,
          summary,
          description:
            'A report is decided once, with a note for the other moderators. The decision does not change the message.',
          tags,
          params: ReportParams,
          body: Decision,
          response: { 200: Report, ...problems('not_found', 'already_decided') },
        },
      },
      async (request) => {
        const { id } = request.params
        const report = await request.tenant_store.write(`message_report.${status}`, (store) =>
          store.reports.decide(id, status, request.body.note, principalOf(request)),
        )
        return shownTo(request, report)
      },
    )
  }
}
export default reports

function shownTo(request: FastifyRequest, report: ReportRecord) {
  return toResponse(report, principalOf(request), holds(request.holdings, 'conversations:view'))
}
