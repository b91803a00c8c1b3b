/** The callers that send a request to every route. */
export const CALLERS = [
  'nobody',
  'key_alone',
  'stranger',
  'pending',
  'disabled',
  'analyst',
  'agent',
  'lead',
  'admin',
  'owner',
  'other_owner',
  'suspended_owner',
  'operator',
] as const
export type CallerName = (typeof CALLERS)[number]

const ANYBODY = CALLERS
const SIGNED_IN = CALLERS.filter((caller) => caller !== 'nobody' && caller !== 'key_alone')
const MEMBERS = ['analyst', 'agent', 'lead', 'admin', 'owner'] as const
const MANAGERS = ['admin', 'owner'] as const
const AUDITORS = ['analyst', 'admin', 'owner'] as const
const SUPPORTERS = ['agent', 'lead', 'admin', 'owner'] as const
const LEADS = ['lead', 'admin', 'owner'] as const
const OPERATOR = ['operator'] as const

/**
 * The callers that may use each operation, written by hand from the requirements. Nothing here comes from the code, so a
 * wrong declaration of a route differs from this list.
 */
export const POLICY: Readonly<Record<string, readonly CallerName[]>> = {
  getLiveness: ANYBODY,
  getReadiness: ANYBODY,
  getKeySet: ANYBODY,
  getOpenApiJson: ANYBODY,
  getOpenApiYaml: ANYBODY,
  getIndex: ANYBODY,
  getProblemIndex: ANYBODY,
  getProblemPage: ANYBODY,

  login: ANYBODY,
  refresh: ANYBODY,
  register: ANYBODY,
  requestPasswordReset: ANYBODY,
  resetPassword: ANYBODY,
  verifyEmail: ANYBODY,
  getReceivedInvitation: ANYBODY,
  joinInvitation: ANYBODY,
  getInvitationPage: ANYBODY,
  submitInvitationPage: ANYBODY,
  getResetRequestPage: ANYBODY,
  submitResetRequestPage: ANYBODY,
  getResetPage: ANYBODY,
  submitResetPage: ANYBODY,
  getVerificationPage: ANYBODY,
  submitVerificationPage: ANYBODY,
  logout: SIGNED_IN,

  getMe: SIGNED_IN,
  updateMe: SIGNED_IN,
  changePassword: SIGNED_IN,
  listSessions: SIGNED_IN,
  endSession: SIGNED_IN,
  requestEmailVerification: SIGNED_IN,
  acceptInvitation: SIGNED_IN,
  declineInvitation: SIGNED_IN,
  acceptMembership: SIGNED_IN,
  declineMembership: SIGNED_IN,
  acceptAppointment: SIGNED_IN,
  declineAppointment: SIGNED_IN,

  listTenants: SIGNED_IN,
  createTenant: SIGNED_IN,
  getTenant: MEMBERS,
  updateTenant: MANAGERS,
  deleteTenant: ['owner'],

  listKeys: MANAGERS,
  createKey: MANAGERS,
  getKey: MANAGERS,
  updateKey: MANAGERS,
  rotateKey: MANAGERS,
  revokeKey: MANAGERS,

  listMembers: MANAGERS,
  addMember: MANAGERS,
  getMember: MANAGERS,
  updateMember: MANAGERS,
  removeMember: MANAGERS,
  listOverrides: MANAGERS,
  setOverride: MANAGERS,
  removeOverride: MANAGERS,

  listInvitations: MANAGERS,
  createInvitation: MANAGERS,
  resendInvitation: MANAGERS,
  revokeInvitation: MANAGERS,

  listRoles: MEMBERS,
  createRole: MANAGERS,
  getRole: MEMBERS,
  updateRole: MANAGERS,
  deleteRole: MANAGERS,

  listTenantDirectory: MEMBERS,
  listScopes: MEMBERS,
  explainAccess: MEMBERS,
  listAuditEvents: AUDITORS,
  exportAuditEvents: AUDITORS,
  getUsage: AUDITORS,

  getAccess: ['key_alone', ...MEMBERS],
  getOwnKey: ['key_alone'],
  rotateOwnKey: ['key_alone'],
  revokeOwnKey: ['key_alone'],
  listDirectory: SUPPORTERS,
  listCustomers: SUPPORTERS,
  getCustomer: SUPPORTERS,
  exportCustomer: LEADS,
  createCustomer: SUPPORTERS,
  updateCustomer: SUPPORTERS,
  deleteCustomer: SUPPORTERS,

  listConversations: SUPPORTERS,
  createConversation: LEADS,
  getConversation: SUPPORTERS,
  updateConversation: LEADS,
  deleteConversation: LEADS,
  handOffConversation: LEADS,
  markRead: SUPPORTERS,
  listConversationMembers: SUPPORTERS,
  addConversationMember: LEADS,
  updateConversationMember: LEADS,
  removeConversationMember: LEADS,
  listMessages: SUPPORTERS,
  createMessage: SUPPORTERS,
  getMessage: SUPPORTERS,
  updateMessage: SUPPORTERS,
  deleteMessage: SUPPORTERS,
  reportMessage: SUPPORTERS,
  createStreamTicket: SUPPORTERS,
  streamConversation: SUPPORTERS,
  listReports: LEADS,
  listMyReports: SUPPORTERS,
  getReport: LEADS,
  reviewReport: LEADS,
  dismissReport: LEADS,

  listPlatformTenants: OPERATOR,
  createPlatformTenant: OPERATOR,
  getPlatformTenant: OPERATOR,
  changePlan: OPERATOR,
  suspendTenant: OPERATOR,
  activateTenant: OPERATOR,
  lockDownTenant: OPERATOR,
  listPlatformKeys: OPERATOR,
  listPlatformUsers: OPERATOR,
  createPlatformUser: OPERATOR,
  getPlatformUser: OPERATOR,
  disableUser: OPERATOR,
  enableUser: OPERATOR,
  unlockUser: OPERATOR,
  listOperators: OPERATOR,
  appointOperator: OPERATOR,
  dismissOperator: OPERATOR,
  getOverview: OPERATOR,
  getBusiestTenants: OPERATOR,
  getGrowth: OPERATOR,
  listPlatformAuditEvents: OPERATOR,
}

/** The planes of the API. The path of a route decides its plane. */
export type Plane = 'open' | 'own' | 'management' | 'data' | 'platform'

/** The code that a caller without access gets on each plane. It follows from the order of the checks. */
export const REFUSED: Readonly<Record<CallerName, Readonly<Partial<Record<Plane, string>>>>> = {
  nobody: {
    own: 'authentication_required',
    management: 'authentication_required',
    data: 'tenant_credentials_required',
    platform: 'authentication_required',
  },
  key_alone: {
    own: 'authentication_required',
    management: 'authentication_required',
    data: 'insufficient_scope',
    platform: 'authentication_required',
  },
  stranger: outsider('tenant_access_denied'),
  pending: outsider('tenant_access_denied'),
  disabled: outsider('tenant_access_denied'),
  other_owner: outsider('tenant_access_denied'),
  suspended_owner: outsider('tenant_suspended'),
  operator: outsider('tenant_access_denied'),
  analyst: outsider('insufficient_scope'),
  agent: outsider('insufficient_scope'),
  lead: outsider('insufficient_scope'),
  admin: outsider('insufficient_scope'),
  owner: outsider('insufficient_scope'),
}

/** Conditions that no scope expresses: the operation itself refuses members with this code, after the pipeline. */
export const REFUSED_BY_OPERATION: Readonly<Record<string, string>> = {
  deleteTenant: 'owner_required',
  getOwnKey: 'key_required',
  rotateOwnKey: 'key_required',
  revokeOwnKey: 'key_required',
}

function outsider(in_tenant: string) {
  return { management: in_tenant, data: in_tenant, platform: 'platform_access_denied' }
}

/** Returns the plane of a path. */
export function planeOf(url: string): Plane {
  // The upstream that tests declare.
  if (url.startsWith('/training/')) return 'data'
  if (url.startsWith('/v1/platform/')) return 'platform'
  if (url.startsWith('/v1/tenants/:tenant_id')) return 'management'
  if (/^\/v1\/(me|invitations|tenants)(\/|$)/.test(url) || url === '/v1/auth/logout') return 'own'
  if (/^\/v1\/(access|key|directory|customers|conversations|reports)(\/|$)/.test(url)) return 'data'
  return 'open'
}
