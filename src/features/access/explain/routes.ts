import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { checkScopeAlso } from '../../../kernel/authz/check-also.js'
import { normaliseEmail } from '../../../kernel/credentials/email.js'
import type { ScopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { member } from '../../../kernel/request/access.js'
import { problems, type Routes, TenantParams } from '../../../kernel/rest/schemas.js'
import { explanationOf } from './explanation.js'
import { explainRefusal, type RecordedOptions } from './recorded.js'
import { Answer, checkQuestion, Question } from './schema.js'

const tags = ['access']

export interface ExplainOptions extends RecordedOptions {}

/** Explains a decision with the facts and the rules that make it, without calling the route. */
const explain: Routes<ExplainOptions> = async (app, options) => {
  const { catalogue, facts, scopesNow } = options
  app.post(
    '',
    {
      config: member(),
      schema: {
        operationId: 'explainAccess',
        summary: 'Explain whether a member or a key may call a route, or why a request was refused',
        description:
          'Every member may ask about themselves. To ask about another member or a key takes users:manage. With request_id, the response has the decision that was made, from the audit of refusals, and the decision that would be made now. The audit keeps the id of the first of similar refusals within 10 s.',
        tags,
        params: TenantParams,
        body: Question,
        response: { 200: Answer, ...problems('not_found', 'insufficient_scope') },
      },
    },
    async (request) => {
      const { key_id, method = '', path = '', address, origin, request_id } = request.body
      checkQuestion(request.body)
      if (request_id !== undefined) return explainRefusal(options, request, request_id)
      const user_id = await userOf(request, request.body)
      const is_about_caller = key_id === undefined && user_id === request.principal.id
      if (!is_about_caller) await checkMayAskAboutOthers(request, scopesNow())
      const route = catalogue.find(method, path)
      if (route === undefined) throw new Problem('not_found', { detail: 'No route has this method and path.' })
      if (key_id === undefined && user_id === undefined) throw unknownCaller()
      const asked = await facts.read({
        tenant_id: request.tenant.id,
        key_id: key_id ?? null,
        session_id: null,
        user_id: user_id ?? null,
      })
      if (asked.membership === null && asked.key === null) throw unknownCaller()
      return explanationOf(options, request, { route, path, address, origin }, asked)
    },
  )
}
export default explain

/** The user whom a question is about. Undefined for a key, and for an email that no member has. */
async function userOf(
  { principal, tenant_store }: FastifyRequest,
  { user_id, email, key_id }: Static<typeof Question>,
): Promise<string | undefined> {
  if (key_id !== undefined) return undefined
  if (email === undefined) return user_id ?? principal.id
  return tenant_store.read((store) => store.members.idOf(normaliseEmail(email)))
}

/** @throws Problem `insufficient_scope` */
async function checkMayAskAboutOthers(request: FastifyRequest, scopes: ScopeCatalogue): Promise<void> {
  const roles = () => request.tenant_store.read((store) => store.roles.all())
  await checkScopeAlso('users:manage', request.holdings, scopes, roles)
}

function unknownCaller(): Problem {
  return new Problem('not_found', { detail: 'This tenant has no such member or key.' })
}
