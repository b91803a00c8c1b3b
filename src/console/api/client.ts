import createClient from 'openapi-fetch'
import { problemOf } from './problem'
import type { paths } from './schema'
import { session } from './session'

/**
 * The API of the gateway, typed by its contract. A refusal is thrown as ApiProblem, so that a query or a mutation fails with
 * it.
 */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: (request) => session.send(request) })

api.use({
  async onResponse({ response }) {
    if (!response.ok) throw await problemOf(response)
  },
})

/** The body of a successful request. @throws ApiProblem, and TypeError if the gateway does not answer */
export async function bodyOf<Body>(answer: Promise<{ data?: Body }>): Promise<Body> {
  return (await answer).data as Body
}
