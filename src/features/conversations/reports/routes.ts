import { type TenantPrincipal, userIdOf } from '../../../kernel/authz/principal.js'
import { tenant } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { closed, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { callerOf, principalOf } from '../caller.js'
import { Decision, MessageParams, NewReport, OwnReport, Report, ReportParams, ReportQuery } from '../messages/schema.js'
import type { ReportRecord } from './store.js'

const tags = ['conversations']

/** Reporting a message. */
export const reporting: Routes = async (app) => {
  app.post(
    '/:message_id/reports',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'reportMessage',
        summary: 'Report a message to the moderators',
        description:
          'Once per person and message. The moderators get a copy of the message as it is now; its author is not told who reported it.',
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
      return reply.code(201).send(ownShown(report))
    },
  )
}

/** The reports of a tenant: those of mine, and the queue of the moderators. */
const reports: Routes = async (app) => {
  app.get(
    '',
    {
      config: tenant('conversations:moderate'),
      schema: {
        operationId: 'listReports',
        summary: 'Reports, newest first',
        description: 'Those about messages of the caller are not among them.',
        tags,
        querystring: closed(ReportQuery),
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
        { rows: rows.map((row) => shown(row, principalOf(request))), has_more },
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
        summary: 'What I reported, newest first',
        tags,
        querystring: closed(PageQuery),
        response: { 200: pageSchema(OwnReport), ...problems('invalid_cursor', 'user_required') },
      },
    },
    async (request, reply) => {
      const { rows, has_more } = await request.tenant_store.read((store) =>
        store.reports.mine(readPage(request), principalOf(request)),
      )
      return sendPage(request, reply, { rows: rows.map(ownShown), has_more }, (report) => report.id)
    },
  )

  app.get(
    '/:id',
    {
      config: tenant('conversations:moderate'),
      schema: {
        operationId: 'getReport',
        summary: 'One report',
        tags,
        params: ReportParams,
        response: { 200: Report, ...problems('not_found') },
      },
    },
    async (request) =>
      shown(
        await request.tenant_store.read((store) => store.reports.get(request.params.id, principalOf(request))),
        principalOf(request),
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
          description: 'Once, with a note for the other moderators. It does not change the message.',
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
        return shown(report, principalOf(request))
      },
    )
  }
}
export default reports

/** What the reporter may know: not who decided, and not the copy, which would outlive a deleted message. */
function ownShown(report: ReportRecord) {
  const { id, conversation_id, message_id, reason, status, created_at, decided_at } = report
  return { id, conversation_id, message_id, reason, status, created_at, decided_at }
}

/** Whoever holds a key may be anybody, and so the one who was reported: a key alone is not told who did it. */
function shown(report: ReportRecord, principal: TenantPrincipal) {
  const { content, author_kind, author_id, decided_by_kind, decided_by, reporter_id, note } = report
  return {
    ...ownShown(report),
    reporter_id: userIdOf(principal) === null ? null : reporter_id,
    message: { content, author: { kind: author_kind, id: author_id } },
    note,
    decided_by: decided_by_kind === null || decided_by === null ? null : { kind: decided_by_kind, id: decided_by },
  }
}
