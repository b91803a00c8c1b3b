/**
 * The catalogue of refusals. `title` and `detail` go out; `explanation` is the text of the page at `/problems/{code}`,
 * written for the person who got the answer: what it means, and what to do.
 */
interface ProblemRow {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly explanation: string
}

export const PROBLEMS = {
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    detail: 'The request is not valid HTTP.',
    explanation: 'The bytes that arrived are no HTTP request that can be read in one way only. Check what builds them.',
  },
  ambiguous_path: {
    status: 400,
    title: 'Ambiguous path',
    detail: 'The path, or the query, could be read in two ways: send it in its plain form.',
    explanation:
      'Paths to services behind the gateway are sent on exactly as they are checked, so nothing may stand in them that two servers read differently: no . or .. as a part, no //, no backslash, no ;, no #, no whole URL, no encoded slash, percent sign or control character, and no encoding of letters, digits, - . _ ~, which need none.',
  },
  duplicate_header: {
    status: 400,
    title: 'Duplicate header',
    detail: 'A header that names the caller or the host was sent more than once.',
    explanation:
      'Authorization, Host, X-TENANT-ID and X-TENANT-API-KEY may stand in a request once. With two of them it would be unclear whose request it is, so nobody guesses. Often a proxy adds a second one.',
  },
  credentials_in_url: {
    status: 400,
    title: 'Credentials in the URL',
    detail: 'A key or token was sent in the URL. URLs are logged on the way: treat it as leaked and replace it.',
    explanation:
      'Keys go in X-TENANT-API-KEY and tokens in Authorization. URLs end up in logs, histories and Referer headers. Revoke what was sent and make a new one.',
  },
  no_web_socket: {
    status: 400,
    title: 'No WebSocket here',
    detail: 'This route does not speak WebSocket. Ask it by plain HTTP.',
    explanation:
      'The request was the handshake of a WebSocket, and this route has none. Routes that have one say so in the contract; ask any other one without Upgrade, and again when you want to know what is new.',
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    detail: 'The body is not JSON that can be read in one way only.',
    explanation:
      'The body must be one JSON value (RFC 8259) in UTF-8: no comments, no trailing commas, no name twice in one object, at most 32 levels deep, no NUL or broken surrogate in a string, no number beyond what a double holds exactly.',
  },
  validation_failed: {
    status: 400,
    title: 'Validation failed',
    detail: 'The request does not fit the schema of this route; see errors.',
    explanation:
      'Each entry of errors has a JSON pointer (RFC 6901) into the body, or the name of the query parameter, and says what is wrong there. Unknown fields are refused too, so that a typo cannot pass unnoticed. The schema of each route is at /docs.',
  },
  invalid_cursor: {
    status: 400,
    title: 'Invalid cursor',
    detail: 'The cursor does not belong to this list with these filters.',
    explanation:
      'A cursor continues the list that gave it: same route, same tenant, same filters. Begin again without a cursor, or follow the Link header as it is.',
  },
  authentication_required: {
    status: 401,
    title: 'Authentication required',
    detail: 'This needs a signed-in user: send Authorization: Bearer <access token>.',
    explanation: 'Log in with POST /v1/auth/login and send the access token in the Authorization header.',
  },
  invalid_token: {
    status: 401,
    title: 'Invalid token',
    detail: 'The access token is malformed, expired or signed out. Log in again or use the refresh token.',
    explanation:
      'A bearer token was sent, and it is not good: damaged, expired, its session ended, or its user disabled. It is not ignored in favour of the tenant key alone. Refresh it with POST /v1/auth/refresh, or log in again.',
  },
  invalid_credentials: {
    status: 401,
    title: 'Invalid credentials',
    detail: 'The email and password do not match an active user.',
    explanation:
      'Unknown email, wrong password and disabled user get this same answer, so that nobody can find out who has an account.',
  },
  invalid_refresh_token: {
    status: 401,
    title: 'Invalid refresh token',
    detail: 'The refresh token is unknown, expired, or was used before. Log in again.',
    explanation:
      'A refresh token works once. When an older one comes back, somebody has a copy, so the whole session ends and the user must log in again.',
  },
  tenant_credentials_required: {
    status: 401,
    title: 'Tenant credentials required',
    detail: 'Send X-TENANT-ID and X-TENANT-API-KEY.',
    explanation:
      'Routes of the data plane belong to one tenant. Its id and one of its keys say which: X-TENANT-ID and X-TENANT-API-KEY.',
  },
  invalid_tenant_credentials: {
    status: 401,
    title: 'Invalid tenant credentials',
    detail: 'The tenant id and key do not name an active key of that tenant.',
    explanation:
      'Unknown tenant, unknown key, key of another tenant, revoked, disabled and expired key all get this same answer. Compare the id with the one in your dashboard; make a new key with POST /v1/tenants/{tenant_id}/keys if the old one is gone.',
  },
  invalid_ticket: {
    status: 401,
    title: 'Invalid ticket',
    detail: 'The ticket is unknown, too old, was used before, or is for another conversation. Ask for a new one.',
    explanation:
      'A ticket opens one stream of one conversation, once, within 30 seconds. Ask for a new one with POST /v1/conversations/{id}/tickets each time that you connect.',
  },
  tenant_suspended: {
    status: 403,
    title: 'Tenant suspended',
    detail: 'The credentials are good, but this tenant is suspended or its trial is over.',
    explanation:
      'The operator of the platform has suspended this tenant, or its trial is over. Only they can activate it again.',
  },
  address_not_allowed: {
    status: 403,
    title: 'Address not allowed',
    detail: 'The key is good, but it may not be used from this address.',
    explanation:
      'The key has a list of networks (allowed_cidrs) and the request came from outside of them. Behind a proxy, the gateway must be told to trust it (TRUST_PROXY).',
  },
  origin_not_allowed: {
    status: 403,
    title: 'Origin not allowed',
    detail: "This tenant does not list the page's origin.",
    explanation:
      'A browser sent the request from a page whose origin is not in allowed_origins of the tenant. Scripts and servers do not send Origin and are not asked.',
  },
  tenant_access_denied: {
    status: 403,
    title: 'No access to this tenant',
    detail: 'The user is not an active member of this tenant.',
    explanation:
      'The user is signed in, but has no membership in this tenant, or it is pending or disabled. Somebody who manages its members can change that.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    detail: 'A scope that this route requires is missing.',
    explanation:
      'required lists what the route asks for and missing what the caller lacks. granted_by_roles names the roles of the tenant that would give it. denied_by_override lists what an override takes away whatever the roles say. A tenant key alone has only the scopes it was made with, and none by default: send a user’s token as well, or make a key that holds the scope.',
  },
  privilege_escalation: {
    status: 403,
    title: 'Cannot grant what you do not hold',
    detail: 'The change would give scopes that the caller does not hold; see exceeding_scopes.',
    explanation:
      'Nobody can give a role, a key or an override more than they hold themselves. Ask somebody who holds exceeding_scopes; only an Owner can make an Owner.',
  },
  owner_required: {
    status: 403,
    title: 'Only an Owner may do this',
    detail: 'This changes an Owner of the tenant, which only an Owner may do.',
    explanation: 'Admins can do everything in a tenant but delete it and change its Owners.',
  },
  platform_access_denied: {
    status: 403,
    title: 'No access to the platform',
    detail: 'The user is not an operator with the privileges that this route requires.',
    explanation: 'Routes under /v1/platform are for operators. Being Owner of a tenant does not count there.',
  },
  key_required: {
    status: 403,
    title: 'For a key alone',
    detail: 'This concerns the key itself, so the key must call without a user.',
    explanation:
      'A script may look at, rotate and revoke its own key under /v1/key. A signed-in user manages keys under /v1/tenants/{tenant_id}/keys, where scopes decide.',
  },
  user_required: {
    status: 403,
    title: 'For a signed-in user',
    detail: 'This is done by a person: send the access token of a user as well.',
    explanation:
      'A key alone has no read marker, reports nobody and asks for no ticket, for each of these belongs to one user.',
  },
  conversation_role_required: {
    status: 403,
    title: 'Role in the conversation required',
    detail: 'Only an owner or a moderator of the conversation may do this; see required_roles.',
    explanation:
      'Owners and moderators of a conversation add, remove and rename. Nobody makes, demotes or removes an owner but an owner, and only an owner changes who sees it. required_roles says who may. A scope of the tenant does not replace a role in the conversation.',
  },
  not_author: {
    status: 403,
    title: 'Not the author',
    detail: 'Only its author may change a message.',
    explanation:
      'A message is edited by whoever wrote it. It is deleted by its author, by an owner or moderator of the conversation, or by whoever holds conversations:moderate.',
  },
  invitation_not_for_you: {
    status: 403,
    title: 'Invitation for somebody else',
    detail: 'The invitation was sent to another email address than that of the signed-in user.',
    explanation: 'Log in as the user to whose address the invitation was sent, or ask for a new one to your own.',
  },
  registration_disabled: {
    status: 403,
    title: 'Registration is off',
    detail: 'This gateway does not let people register themselves.',
    explanation: 'An operator can create a user, or start the gateway with ALLOW_REGISTRATION=true.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'There is nothing at this address that the caller may see.',
    explanation:
      'The route does not exist, or the object does not exist in this tenant. What belongs to another tenant looks exactly like what does not exist.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The route exists, but not with this method; see Allow.',
    explanation: 'The Allow header lists the methods of this route.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: 'The request did not arrive in time.',
    explanation: 'The whole request must arrive within 30 seconds.',
  },
  not_acceptable: {
    status: 406,
    title: 'Not acceptable',
    detail: 'What the Accept header asks for is not to be had here.',
    explanation: 'The detail says what this route answers with. Ask for that in Accept.',
  },
  connection_silent: {
    status: 408,
    title: 'Connection silent',
    detail: 'Nothing was heard on this connection for a minute.',
    explanation:
      'A socket answers the pings of the gateway, which every WebSocket library does by itself, or sends {"type":"ping"}. One that does neither for 60 seconds is taken to be dead.',
  },
  connection_slow: {
    status: 503,
    title: 'Reader too slow',
    detail: 'More was waiting to be read on this connection than is kept for one reader.',
    explanation:
      'What a client does not read is kept in memory, within a bound. Connect again with ?after=<seq> of the last message that you have: nothing is lost.',
  },
  already_exists: {
    status: 409,
    title: 'Already exists',
    detail: 'Another one with the same unique value exists; see conflicting_field.',
    explanation:
      'conflicting_field names the value that must be unique. Within a tenant these are phone, email and external_id of a customer.',
  },
  email_unverified: {
    status: 409,
    title: 'Email not verified',
    detail: 'This user has not proved to own the email address, so they cannot be added by it.',
    explanation:
      'Anybody can register with any address. Until the address is verified it says nothing about who the user is.',
  },
  invalid_state: {
    status: 409,
    title: 'Not possible in this state',
    detail: 'The object is in a state in which this cannot be done.',
    explanation: 'The detail says which state it is in and what would have to happen first.',
  },
  conversation_closed: {
    status: 409,
    title: 'Conversation closed',
    detail: 'The conversation is closed. Set its status to open first.',
    explanation:
      'A closed conversation takes no new messages, no edits and no handoff. Whoever holds conversations:edit can open it again; messages in it can still be read, reported and deleted.',
  },
  already_reported: {
    status: 409,
    title: 'Already reported',
    detail: 'You have reported this message before.',
    explanation: 'A person reports a message once. GET /v1/reports/mine shows what became of it.',
  },
  already_decided: {
    status: 409,
    title: 'Already decided',
    detail: 'This report was reviewed or dismissed before.',
    explanation: 'A report is decided once. Its status, and who decided, stand in the report.',
  },
  rotation_in_progress: {
    status: 409,
    title: 'Rotation in progress',
    detail: 'The secret before this one still works. Wait until its overlap is over, or rotate with overlap_seconds 0.',
    explanation:
      'A key has two working secrets at most. A third would end one that somebody may still use, so it is refused; overlap_seconds 0 ends every old secret at once.',
  },
  system_role: {
    status: 409,
    title: 'System role',
    detail: 'System roles are the same in every tenant and cannot be changed.',
    explanation: 'Make a custom role with the scopes that you want and give it to the members.',
  },
  invitation_closed: {
    status: 409,
    title: 'Invitation closed',
    detail: 'The invitation was accepted, declined or revoked before, or it is too old.',
    explanation: 'An invitation works once and for 72 hours. Somebody who manages members can send a new one.',
  },
  idempotency_in_progress: {
    status: 409,
    title: 'Still in progress',
    detail: 'A request with this Idempotency-Key is being worked on; retry after the seconds in Retry-After.',
    explanation: 'Two requests with one Idempotency-Key at once: the second waits for the first by being sent again.',
  },
  idempotency_answer_lost: {
    status: 409,
    title: 'Done before, answer lost',
    detail:
      'The request with this Idempotency-Key was carried out, but its answer was not kept. Look before you repeat it with a new key.',
    explanation:
      'The gateway stopped between the change and its answer. The change is there once; only what was answered is unknown.',
  },
  last_owner: {
    status: 409,
    title: 'Last Owner',
    detail: 'The tenant would be left without an active Owner.',
    explanation: 'Make somebody else an Owner first.',
  },
  last_operator: {
    status: 409,
    title: 'Last operator',
    detail: 'The platform would be left without an operator who can appoint others.',
    explanation: 'Appoint another operator first.',
  },
  limit_reached: {
    status: 409,
    title: 'Limit reached',
    detail: 'There are as many of these as one owner can have; remove some first.',
    explanation: 'Everything that can grow has a bound. The detail says which one was reached.',
  },
  precondition_failed: {
    status: 412,
    title: 'Precondition failed',
    detail: 'It was changed since you read it. Read it again and repeat the change.',
    explanation: 'If-Match did not name the current ETag, so the change would have overwritten somebody else’s.',
  },
  precondition_required: {
    status: 428,
    title: 'Precondition required',
    detail: 'Send If-Match with the ETag of what you read, so that nobody overwrites the change of somebody else.',
    explanation: 'Roles decide what many people may do. A change to one must say which version it is a change of.',
  },
  upgrade_required: {
    status: 426,
    title: 'Upgrade required',
    detail: 'This is a stream: open it as a WebSocket, or ask for Accept: text/event-stream.',
    explanation:
      'A stream is a WebSocket (RFC 6455, version 13) or a stream of server-sent events, not one answer. curl -N -H "Accept: text/event-stream" listens too. Where neither can be had, poll GET /v1/conversations/{id}/messages?after=<seq>&wait=25.',
  },
  idempotency_mismatch: {
    status: 422,
    title: 'Idempotency-Key used for something else',
    detail: 'This Idempotency-Key was used with another body or path. Use a new one.',
    explanation:
      'A key stands for one request. The same key with another body would answer one request with the result of another.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    detail: 'The body is larger than this route takes.',
    explanation: 'Bodies may have 256 KiB unless a route says otherwise.',
  },
  uri_too_long: {
    status: 414,
    title: 'URI too long',
    detail: 'A part of the path is longer than any identifier.',
    explanation: 'No part of a path may be longer than 100 characters.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
    explanation: 'Bodies are JSON in UTF-8 with Content-Type: application/json.',
  },
  headers_too_large: {
    status: 431,
    title: 'Too many or too large headers',
    detail: 'A request may have 100 header lines and 16 KiB of headers.',
    explanation: 'Beyond that Node would drop lines in silence, and a dropped line could be the one that decides.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'A budget is used up; retry after the seconds in Retry-After.',
    explanation:
      'violated_policies names the budget. RateLimit-Policy tells its size and RateLimit what is left of it.',
  },
  too_many_connections: {
    status: 429,
    title: 'Too many open connections',
    detail: 'As many connections as one may have are open; close one first.',
    explanation:
      'A user and a tenant may have so many sockets, streams and waiting polls at once. A client that reconnects without closing the old connection finds itself here; what is silent for a minute is closed by the gateway.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Something broke that is not your fault. Quote request_id to the operator.',
    explanation: 'The operator finds the cause in the log under the request id.',
  },
  upstream_unreachable: {
    status: 502,
    title: 'Upstream unreachable',
    detail: 'The service behind the gateway does not take connections.',
    explanation:
      'The request was allowed, but the service that should answer it cannot be reached. Nothing was sent to it. Its operator finds the reason in the log under the request id.',
  },
  upstream_bad_answer: {
    status: 502,
    title: 'Bad answer of an upstream',
    detail: 'The service behind the gateway gave no answer that can be passed on.',
    explanation:
      'The service broke the connection before it answered, or what it sent is no HTTP. Whether it has done what was asked is not known. Its operator finds the reason in the log under the request id.',
  },
  upstream_no_web_socket: {
    status: 502,
    title: 'The upstream has no such WebSocket',
    detail: 'The service behind the gateway refused the handshake: it has no such WebSocket. Poll its routes instead.',
    explanation:
      'The handshake was allowed and handed on, and the service answered it with something else than an upgrade: upstream_status is what. Trying again will not help. poll lists the routes of that service that can be asked instead, now and then.',
  },
  upstream_timeout: {
    status: 504,
    title: 'Upstream timeout',
    detail: 'The service behind the gateway did not answer in time.',
    explanation:
      'The service may still be working on the request, or may never have got it. Look before you repeat what must not be done twice.',
  },
  upstream_unavailable: {
    status: 503,
    title: 'Upstream unavailable',
    detail: 'The service behind the gateway is not asked at the moment; retry after the seconds in Retry-After.',
    explanation:
      'It failed again and again, its health check fails, or it has as many requests as it can take. Nothing was sent to it.',
  },
  service_unavailable: {
    status: 503,
    title: 'Service unavailable',
    detail: 'Something that this request needs is not available or busy; retry after the seconds in Retry-After.',
    explanation: 'Nothing was decided and nothing was changed. Retry after the seconds in Retry-After.',
  },
} as const satisfies Record<string, ProblemRow>

export type ProblemCode = keyof typeof PROBLEMS

export interface ProblemOptions {
  /** Replaces the detail of the catalogue; goes out to the caller. */
  readonly detail?: string
  /** Members beside the standard ones (RFC 9457 section 3.2); go out to the caller. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** For the log alone. */
  readonly internal?: string
  readonly cause?: unknown
}

/** A refusal on its way out: a row of the catalogue and what is special about this case. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly status: number
  readonly detail: string
  readonly members: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.internal ?? code, { cause: options.cause })
    this.code = code
    this.status = PROBLEMS[code].status
    this.detail = options.detail ?? PROBLEMS[code].detail
    this.members = options.members ?? {}
    this.headers = { ...challenge(code), ...options.headers }
  }
}

/** 401 must carry a challenge (RFC 9110 section 11.6.1); without credentials it carries no error (RFC 6750 section 3.1). */
function challenge(code: ProblemCode): Record<string, string> {
  switch (code) {
    case 'authentication_required':
    case 'invalid_credentials':
    case 'invalid_refresh_token':
      return { 'www-authenticate': 'Bearer realm="gateway"' }
    case 'invalid_token':
      return { 'www-authenticate': 'Bearer realm="gateway", error="invalid_token"' }
    case 'tenant_credentials_required':
    case 'invalid_tenant_credentials':
    case 'invalid_ticket':
      return { 'www-authenticate': 'TenantKey realm="gateway"' }
    default:
      return {}
  }
}

/** 503 with a time to retry: how every failure of a dependency is answered. */
export function unavailable(internal: string, retry_after_seconds = 1, cause?: unknown): Problem {
  return new Problem('service_unavailable', {
    internal,
    cause,
    headers: { 'retry-after': String(retry_after_seconds) },
  })
}

/** The body that goes out (RFC 9457 section 3.1). */
export function problemBody(problem: Problem, public_url: string, request_id: string): Record<string, unknown> {
  return {
    type: `${public_url}/problems/${problem.code}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    request_id,
    ...problem.members,
  }
}
