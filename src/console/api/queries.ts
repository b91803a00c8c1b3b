import { QueryCache, QueryClient } from '@tanstack/react-query'
import { meQuery } from './me'
import { ApiProblem } from './problem'

const FRESH_MS = 10_000
const NETWORK_RETRIES = 1

/** Makes the cache of a user. A refusal is not repeated: the gateway would refuse again. */
export function createQueries(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError(error, query) {
        // The rights of the user have changed, so the pages that the console offers change too.
        const is_refused = error instanceof ApiProblem && error.body.status === 403
        if (is_refused && query.queryKey[0] !== meQuery.queryKey[0]) void client.invalidateQueries(meQuery)
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        retry: (failures, error) => !(error instanceof ApiProblem) && failures < NETWORK_RETRIES,
      },
    },
  })
  return client
}
