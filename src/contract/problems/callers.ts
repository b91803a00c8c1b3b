import type { ProblemRow } from './row.js'

/** Problems of the caller: who calls, and what the caller may do. */
export const CALLER_PROBLEMS = {
  authentication_required: {
    status: 401,
    title: 'Authentication required',
    detail: 'This route requires a signed-in user. Send Authorization: Bearer <access token>.',
    explanation: 'Log in with POST /v1/auth/login and send the access token in the Authorization header.',
  },
  invalid_token: {
    status: 401,
    title: 'Invalid token',
    detail: 'The access token is malformed, expired or revoked. Refresh it, or log in again.',
    explanation:
      'The request sent a bearer token that is not valid: it is damaged or expired, its session has ended, or its user is disabled. The gateway does not ignore it and use the tenant key alone. Refresh the token with POST /v1/auth/refresh, or log in again.',
  },
  invalid_credentials: {
    status: 401,
    title: 'Invalid credentials',
    detail: 'The email and password do not match an active user.',
    explanation:
      'An unknown email, a wrong password and a disabled user get this same response. A client cannot find out with it which emails are registered.',
  },
  invalid_refresh_token: {
    status: 401,
    title: 'Invalid refresh token',
    detail: 'The refresh token is unknown, expired or already used. Log in again.',
    explanation:
      'A refresh token works once. If an older one is used again, another client has a copy of it. The gateway then ends the whole session, and the user must log in again.',
  },
  tenant_credentials_required: {
    status: 401,
    title: 'Tenant credentials required',
    detail: 'Send X-TENANT-ID and X-TENANT-API-KEY.',
    explanation:
      'Each route of the data plane works for one tenant. Name the tenant with its id in X-TENANT-ID and one of its keys in X-TENANT-API-KEY.',
  },
  invalid_tenant_credentials: {
    status: 401,
    title: 'Invalid tenant credentials',
    detail: 'The tenant id and the key do not name an active key of that tenant.',
    explanation:
      'An unknown tenant, an unknown key, a key of another tenant, and a revoked, disabled or expired key get this same response. Compare the tenant id with the one of your tenant. If the key no longer exists, make a new one with POST /v1/tenants/{tenant_id}/keys.',
  },
  invalid_ticket: {
    status: 401,
    title: 'Invalid ticket',
    detail: 'The ticket is unknown, expired, already used, or made for another conversation. Request a new one.',
    explanation:
      'A ticket opens one stream of one conversation, once, within 30 seconds. Request a new one with POST /v1/conversations/{id}/tickets for each connection.',
  },
  tenant_suspended: {
    status: 403,
    title: 'Tenant suspended',
    detail: 'The credentials are valid, but this tenant is suspended or its trial has ended.',
    explanation:
      'An operator of the platform suspended this tenant, or its trial has ended. until is the end of the suspension; null means until an operator activates the tenant. reason says why, to members who send an access token and to keys that hold scopes. A key without scopes can be public, so it does not learn the reason. trial_ended_at is the end of the trial.',
  },
  address_not_allowed: {
    status: 403,
    title: 'Address not allowed',
    detail: 'The key is valid, but its allowed_cidrs do not include the address of this client.',
    explanation:
      'The key has a list of networks (allowed_cidrs), and the request came from another network. If the gateway runs behind a proxy, its operator must name the proxy in TRUST_PROXY.',
  },
  origin_not_allowed: {
    status: 403,
    title: 'Origin not allowed',
    detail: 'The origin of this page is not in allowed_origins of the tenant.',
    explanation:
      'A browser sent the request from a page whose origin is not in allowed_origins of the tenant. Scripts and servers send no Origin header, so this check does not apply to them.',
  },
  tenant_access_denied: {
    status: 403,
    title: 'No access to this tenant',
    detail: 'The user is not an active member of this tenant.',
    explanation:
      'The user is signed in but has no membership in this tenant, or the membership is pending or disabled. If the membership is pending, membership_state says so to the user. If GET /v1/me lists the tenant in pending_memberships, accept it with POST /v1/me/memberships/{tenant_id}/accept. Otherwise a member with users:manage can change that.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    detail: 'The caller lacks a scope that this route requires.',
    explanation:
      'required lists the scopes of the route, and missing lists those that the caller lacks. granted_by_roles names the roles of the tenant that grant what is missing. denied_by_override lists scopes that an override denies, whatever the roles grant. A tenant key alone has only its own scopes, and a new key has none: send the access token of a user as well, or make a key with the scope. GET /v1/tenants/{tenant_id}/access/explain?request_id= with the request_id of the refusal says what was decided, and what the gateway would decide now.',
  },
  privilege_escalation: {
    status: 403,
    title: 'Cannot grant what you lack',
    detail: 'The change would grant scopes that the caller does not hold. See exceeding_scopes.',
    explanation:
      'A caller can give a role, a key or an override only scopes that the caller holds. Ask a member who holds exceeding_scopes. Only an Owner can make another Owner.',
  },
  owner_required: {
    status: 403,
    title: 'Owner required',
    detail: 'This change concerns an Owner of the tenant. Only an Owner may make it.',
    explanation: 'An Admin can do everything in a tenant except delete it and change its Owners.',
  },
  platform_access_denied: {
    status: 403,
    title: 'No access to the platform',
    detail: 'The user is not an operator with the privileges that this route requires.',
    explanation: 'Routes under /v1/platform are for operators. The role Owner of a tenant grants nothing there.',
  },
  key_required: {
    status: 403,
    title: 'Key without a user required',
    detail: 'This route acts on the calling key. Send the key without the token of a user.',
    explanation:
      'A script can read, rotate and revoke its own key at /v1/key. A signed-in user manages keys at /v1/tenants/{tenant_id}/keys.',
  },
  superseded_secret: {
    status: 403,
    title: 'Secret was replaced',
    detail:
      'The key was rotated, and this request used its old secret. Only the current secret can rotate or revoke the key.',
    explanation:
      'After a rotation, the old secret still works until its overlap ends, so that clients have time to change to the new one. It can no longer rotate or revoke the key, and it never receives the new secret, because an old secret may have leaked. Send the request with the current secret. If the current secret is lost, a member with keys:manage can rotate or revoke the key at /v1/tenants/{tenant_id}/keys.',
  },
  user_required: {
    status: 403,
    title: 'User required',
    detail: 'This route acts for a user. Send the access token of a user as well.',
    explanation:
      'Read markers, reports and stream tickets belong to a user. A key alone has no user, so it cannot make them.',
  },
  conversation_role_required: {
    status: 403,
    title: 'Conversation role required',
    detail: 'Only an owner or a moderator of the conversation may do this. See required_roles.',
    explanation:
      'Owners and moderators of a conversation add, remove and rename members. Only an owner makes, demotes or removes an owner and changes the visibility. required_roles lists the roles that may do this. A scope of the tenant does not replace a role in the conversation.',
  },
  not_author: {
    status: 403,
    title: 'Not the author',
    detail: 'Only the author may edit a message.',
    explanation:
      'Only its author edits a message. Its author, an owner or a moderator of the conversation, and a caller with conversations:moderate can delete it.',
  },
  invitation_not_for_you: {
    status: 403,
    title: 'Invitation for another user',
    detail: 'The invitation was sent to another email address than that of the signed-in user.',
    explanation:
      'Log in as the user with the address that the invitation was sent to, or ask for an invitation to your own address.',
  },
  tenant_creation_disabled: {
    status: 403,
    title: 'Users create no tenants',
    detail: 'Users cannot create tenants at this gateway.',
    explanation: 'An operator can create the tenant for you, or start the gateway with ALLOW_TENANTS=true.',
  },
  cross_site_request: {
    status: 403,
    title: 'Form of another site',
    detail: 'The form was sent by a page of another site. Open the link of the mail, and use the form of its page.',
    explanation:
      'The pages of the gateway take forms of their own origin only. The browser says in Sec-Fetch-Site or Origin that another site sent this one. A front end of your own uses the API instead: APP_URL leads the links in mails to it.',
  },
  registration_disabled: {
    status: 403,
    title: 'Registration is off',
    detail: 'Users cannot register themselves at this gateway.',
    explanation: 'An operator can create the user, or start the gateway with ALLOW_REGISTRATION=true.',
  },
} as const satisfies Record<string, ProblemRow>
