import { effectiveScopes } from '../../kernel/permissions/evaluate.js'
import type { RoleFact } from '../../kernel/permissions/roles.js'
import type { ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'
import type { RouteCatalogue } from '../../kernel/request/route-catalogue.js'
import type { HolderRecord, RolePreview } from './store.js'

/** The effect of a change of one role on one member. */
export interface MemberEffect {
  readonly user_id: string
  readonly email: string
  readonly gains: { readonly scopes: string[]; readonly routes: string[] }
  readonly loses: { readonly scopes: string[]; readonly routes: string[] }
}

/**
 * Computes which members would gain and lose which scopes by a change of a role. It uses the evaluator that decides
 * requests, with the other roles and the overrides of each member. It leaves out members without a difference.
 */
export function effectsOf(
  { role_id, changed, holders }: RolePreview,
  routes: RouteCatalogue,
  scopes: ScopeCatalogue,
): MemberEffect[] {
  return holders
    .map((holder) => {
      const before = scopesWith(holder, holder.roles, scopes)
      const others = holder.roles.filter((role) => role.id !== role_id)
      const after = scopesWith(holder, changed === undefined ? others : [...others, changed], scopes)
      const routes_before = new Set(routes.allowedBy(before))
      const routes_after = new Set(routes.allowedBy(after))
      return {
        user_id: holder.user_id,
        email: holder.email,
        gains: { scopes: without(after, before), routes: without(routes_after, routes_before) },
        loses: { scopes: without(before, after), routes: without(routes_before, routes_after) },
      }
    })
    .filter(({ gains, loses }) => gains.scopes.length + loses.scopes.length > 0)
}

function scopesWith(
  { user_id, overrides }: HolderRecord,
  roles: readonly RoleFact[],
  scopes: ScopeCatalogue,
): Set<string> {
  const effective = effectiveScopes({ kind: 'user', id: user_id, roles, overrides }, scopes)
  return new Set(effective.map(({ scope }) => scope))
}

function without(left: ReadonlySet<string>, right: ReadonlySet<string>): string[] {
  return [...left].filter((item) => !right.has(item)).sort()
}
