import type { ProblemRow } from './row.js'

/** Problems of the request itself: its form, its size, its address, its preconditions. */
export const REQUEST_PROBLEMS = {
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    detail: 'The request is malformed or ambiguous HTTP.',
    explanation:
      'The gateway refuses every request that two HTTP parsers could read differently (RFC 9112). Check the program or the proxy that builds the request.',
  },
  ambiguous_path: {
    status: 400,
    title: 'Ambiguous path',
    detail: 'Two servers could read this path or query differently. Send the path in its plain form.',
    explanation:
      'The gateway forwards the path to the service exactly as it was checked. The path must not hold a segment . or .., an empty segment (//), a backslash, ;, #, a whole URL, an encoded slash, an encoded percent sign or an encoded control character. Letters, digits and - . _ ~ must not be encoded. A route of a service can allow an encoded slash, semicolon or percent sign.',
  },
  duplicate_header: {
    status: 400,
    title: 'Duplicate header',
    detail: 'The request sends a header more than once that names the caller or the host.',
    explanation:
      'A request may send Authorization, Host, X-TENANT-ID and X-TENANT-API-KEY once each. With two values it would be ambiguous who calls, so the gateway refuses the request. Often a proxy adds the second header.',
  },
  credentials_in_url: {
    status: 400,
    title: 'Credentials in the URL',
    detail: 'The URL holds a key or a token. Servers log URLs: treat this credential as leaked and replace it.',
    explanation:
      'Send keys in X-TENANT-API-KEY and tokens in Authorization. URLs are kept in logs, in browser histories and in Referer headers. Revoke the key or the session, and make a new one.',
  },
  no_web_socket: {
    status: 400,
    title: 'Not a WebSocket route',
    detail: 'This route does not support WebSocket. Send a plain HTTP request.',
    explanation:
      'The request was a WebSocket handshake, and this route has no WebSocket. The contract at /docs says which routes have one. Call every other route without Upgrade, and poll it for news.',
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    detail: 'The body is malformed or ambiguous JSON.',
    explanation:
      'The body must be one JSON value (RFC 8259) in UTF-8. It must not hold comments, trailing commas, a name twice in one object, more than 32 levels, or a number that a double cannot hold exactly.',
  },
  validation_failed: {
    status: 400,
    title: 'Validation failed',
    detail: 'The request does not match the schema of this route. See errors.',
    explanation:
      'Each entry of errors has a pointer and a message. The pointer is a JSON pointer (RFC 6901) into the body, or the name of a query parameter or header. Unknown fields and unknown query parameters are errors too, so that a typo is not ignored. The schema of each route is at /docs.',
  },
  invalid_cursor: {
    status: 400,
    title: 'Invalid cursor',
    detail: 'The cursor does not belong to this list with these filters.',
    explanation:
      'A cursor continues one list: same route, same tenant, same filters. Start again without a cursor, or follow the Link header unchanged.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'This path has no route or no object that the caller may see.',
    explanation:
      'The route does not exist, or this tenant has no such object. An object of another tenant gets the same response as an object that does not exist.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The route exists, but not with this method. See Allow.',
    explanation: 'The Allow header lists the methods of this route.',
  },
  not_acceptable: {
    status: 406,
    title: 'Not acceptable',
    detail: 'This route cannot produce any of the media types in Accept.',
    explanation: 'The detail lists the media types of this route. Send one of them in Accept.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: 'The request did not arrive completely in time.',
    explanation: 'The gateway waits at most 30 seconds for the last byte of a request.',
  },
  precondition_failed: {
    status: 412,
    title: 'Precondition failed',
    detail: 'The object has changed since you read it. Read it again and repeat your change.',
    explanation:
      'If-Match did not name the current ETag. The change would have overwritten a change of another client.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    detail: 'The body is larger than this route accepts.',
    explanation:
      'A body may have 256 KiB. A body of a route that needs no credentials may have 8 KiB, or 1 KiB if the route expects none. A route of an upstream can have another limit.',
  },
  uri_too_long: {
    status: 414,
    title: 'URI too long',
    detail: 'A segment of the path is longer than any identifier.',
    explanation: 'A segment of the path may have at most 100 characters.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
    explanation: 'Bodies are JSON in UTF-8 with Content-Type: application/json, and are not compressed.',
  },
  idempotency_mismatch: {
    status: 422,
    title: 'Idempotency-Key of another request',
    detail: 'This Idempotency-Key was used with another body or path. Use a new key.',
    explanation:
      'A key identifies one request. With another body, the response of the first request would be wrong for the second one.',
  },
  idempotency_in_progress: {
    status: 409,
    title: 'Still in progress',
    detail: 'A request with this Idempotency-Key is still running. Retry after the seconds in Retry-After.',
    explanation:
      'Two requests used one Idempotency-Key at the same time. Retry after Retry-After to get the response of the first request.',
  },
  idempotency_answer_lost: {
    status: 409,
    title: 'Done before, response lost',
    detail:
      'The gateway carried out the request with this Idempotency-Key, but lost its response. Read the current state before you repeat the request with a new key.',
    explanation:
      'The gateway stopped after the change and before its response. The change was made exactly once. Only the response is lost.',
  },
  upgrade_required: {
    status: 426,
    title: 'Upgrade required',
    detail: 'This route is a stream. Open it as a WebSocket, or send Accept: text/event-stream.',
    explanation:
      'A stream is a WebSocket (RFC 6455, version 13) or a stream of server-sent events. Try it with curl -N -H "Accept: text/event-stream". If neither works on your network, poll GET /v1/conversations/{id}/messages?changed_after=<change>&wait=25.',
  },
  precondition_required: {
    status: 428,
    title: 'Precondition required',
    detail: 'Send If-Match with the ETag of the version that you read.',
    explanation:
      'A role decides what many users may do. A change must name the version that it is based on, so that it does not overwrite a change of another user.',
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too many or too large',
    detail: 'A request may have 100 header lines and 16 KiB of headers.',
    explanation:
      'Node ignores header lines beyond its limit. One of the ignored lines could be a credential, so the gateway refuses the request.',
  },
} as const satisfies Record<string, ProblemRow>
