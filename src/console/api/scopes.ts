import { useQuery } from '@tanstack/react-query'
import { api, bodyOf } from './client'
import { allPages, type PageOf } from './pages'
import type { paths } from './schema'

export type ScopeRow =
  paths['/v1/tenants/{tenant_id}/scopes']['get']['responses'][200]['content']['application/json']['data'][number]

/** Every scope that the gateway knows, with its meaning and its routes. */
export function useScopes(tenant_id: string) {
  return useQuery({
    queryKey: ['scopes', tenant_id],
    queryFn: () =>
      allPages(
        (query): Promise<PageOf<ScopeRow>> =>
          bodyOf(api.GET('/v1/tenants/{tenant_id}/scopes', { params: { path: { tenant_id }, query } })),
      ),
  })
}
