import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { NotFound } from './components/not-found'
import { readListSearch } from './components/pager'
import { ProblemNotice } from './components/problem'
import { Shell } from './components/shell'
import { readAuditSearch } from './pages/audit-search'
import { Home } from './pages/home'
import { readRolesSearch } from './pages/roles-search'
import { TenantFrame } from './pages/tenant-frame'
import { readUsageSearch } from './pages/usage-search'
import { readWhySearch } from './pages/why-search'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home })
const tenant = createRoute({ getParentRoute: () => root, path: '/t/$tenant_id', component: TenantFrame })
const why = createRoute({
  getParentRoute: () => tenant,
  path: '/why',
  validateSearch: readWhySearch,
  component: lazyRouteComponent(() => import('./pages/why'), 'Why'),
})
const keys = createRoute({
  getParentRoute: () => tenant,
  path: '/keys',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/keys'), 'Keys'),
})
const key = createRoute({
  getParentRoute: () => tenant,
  path: '/keys/$key_id',
  component: lazyRouteComponent(() => import('./pages/key'), 'KeyPage'),
})
const members = createRoute({
  getParentRoute: () => tenant,
  path: '/members',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/members'), 'Members'),
})
const member = createRoute({
  getParentRoute: () => tenant,
  path: '/members/$user_id',
  component: lazyRouteComponent(() => import('./pages/member'), 'MemberPage'),
})
const invitations = createRoute({
  getParentRoute: () => tenant,
  path: '/invitations',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/invitations'), 'Invitations'),
})
const roles = createRoute({
  getParentRoute: () => tenant,
  path: '/roles',
  validateSearch: readRolesSearch,
  component: lazyRouteComponent(() => import('./pages/roles'), 'Roles'),
})
const audit = createRoute({
  getParentRoute: () => tenant,
  path: '/audit',
  validateSearch: readAuditSearch,
  component: lazyRouteComponent(() => import('./pages/audit'), 'Audit'),
})
const usage = createRoute({
  getParentRoute: () => tenant,
  path: '/usage',
  validateSearch: readUsageSearch,
  component: lazyRouteComponent(() => import('./pages/usage'), 'Usage'),
})
const settings = createRoute({
  getParentRoute: () => tenant,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings'), 'Settings'),
})
const account = createRoute({
  getParentRoute: () => root,
  path: '/account',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/account'), 'Account'),
})
const platform_overview = createRoute({
  getParentRoute: () => root,
  path: '/platform/overview',
  component: lazyRouteComponent(() => import('./pages/platform/overview'), 'Overview'),
})
const platform_operators = createRoute({
  getParentRoute: () => root,
  path: '/platform/operators',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/platform/operators'), 'Operators'),
})
const platform_audit = createRoute({
  getParentRoute: () => root,
  path: '/platform/audit',
  validateSearch: readAuditSearch,
  component: lazyRouteComponent(() => import('./pages/platform/audit'), 'PlatformAudit'),
})
const platform_tenants = createRoute({
  getParentRoute: () => root,
  path: '/platform/tenants',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/platform/tenants'), 'PlatformTenants'),
})
const platform_tenant = createRoute({
  getParentRoute: () => root,
  path: '/platform/tenants/$id',
  component: lazyRouteComponent(() => import('./pages/platform/tenant'), 'PlatformTenantPage'),
})
const platform_users = createRoute({
  getParentRoute: () => root,
  path: '/platform/users',
  validateSearch: readListSearch,
  component: lazyRouteComponent(() => import('./pages/platform/users'), 'PlatformUsers'),
})
const platform_user = createRoute({
  getParentRoute: () => root,
  path: '/platform/users/$id',
  component: lazyRouteComponent(() => import('./pages/platform/user'), 'PlatformUserPage'),
})

/** Every page by its path. The state of filters and lists is in the search part, so that a link can be shared. */
export const router = createRouter({
  routeTree: root.addChildren([
    home,
    account,
    platform_tenants,
    platform_tenant,
    platform_users,
    platform_user,
    platform_overview,
    platform_operators,
    platform_audit,
    tenant.addChildren([why, keys, key, members, member, invitations, roles, audit, usage, settings]),
  ]),
  basepath: '/console',
  defaultPreload: 'intent',
  defaultErrorComponent: ({ error }) => <ProblemNotice error={error} />,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
