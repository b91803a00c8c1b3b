import { invalidField } from '../../../kernel/problems/validation.js'
import { operator } from '../../../kernel/request/access.js'
import type { Routes } from '../../../kernel/rest/schemas.js'
import { type Clock, instantOf } from '../../../kernel/time/clock.js'
import { BusiestTenants, Growth, Overview, SpanQuery } from './schema.js'
import type { Span } from './store.js'

const tags = ['platform']
const DAY_MS = 86_400_000
const SPAN_DAYS_DEFAULT = 30
const SPAN_DAYS_MAX = 400
const BUSIEST_MAX = 100

/** Analytics of the platform. */
const analytics: Routes<{ readonly clock: Clock }> = async (app, { clock }) => {
  const spanOf = ({ from, to }: { from?: string; to?: string }): Span => {
    const to_ms = to === undefined ? clock() + 1 : Date.parse(to)
    const from_ms = from === undefined ? to_ms - SPAN_DAYS_DEFAULT * DAY_MS : Date.parse(from)
    const days = (to_ms - from_ms) / DAY_MS
    if (days > 0 && days <= SPAN_DAYS_MAX) return { from: instantOf(from_ms), to: instantOf(to_ms) }
    throw invalidField('/from', `must be before to, by at most ${SPAN_DAYS_MAX} days`)
  }

  app.get(
    '/overview',
    {
      config: operator('platform:analytics:view'),
      schema: {
        operationId: 'getOverview',
        summary: 'Get totals, and the requests of the last day',
        tags,
        response: {
          200: Overview,
        },
      },
    },
    async (request) => request.platform_store.read((store) => store.analytics.overview()),
  )

  app.get(
    '/tenants',
    {
      config: operator('platform:analytics:view'),
      schema: {
        operationId: 'getBusiestTenants',
        summary: 'List tenants by requests',
        tags,
        querystring: SpanQuery,
        response: {
          200: BusiestTenants,
        },
      },
    },
    async (request) => {
      const span = spanOf(request.query)
      return {
        ...span,
        data: await request.platform_store.read((store) => store.analytics.busiestTenants(span, BUSIEST_MAX)),
      }
    },
  )

  app.get(
    '/growth',
    {
      config: operator('platform:analytics:view'),
      schema: {
        operationId: 'getGrowth',
        summary: 'List new tenants and users by day',
        tags,
        querystring: SpanQuery,
        response: {
          200: Growth,
        },
      },
    },
    async (request) => {
      const span = spanOf(request.query)
      return { ...span, data: await request.platform_store.read((store) => store.analytics.growth(span)) }
    },
  )
}
export default analytics
