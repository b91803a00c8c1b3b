import { CLOSE_CODES } from '../../../contract/close-codes.js'

/** The protocol of a stream, for the OpenAPI document. */
export const STREAM_DESCRIPTION = `
A client can listen in two ways, with the same events: a **WebSocket** (an upgrade of this request), or **server-sent events** (\`Accept: text/event-stream\`; \`curl -N\` is a client). If a network blocks both, poll \`GET /v1/conversations/{id}/messages?changed_after=<change>&wait=25\`: it returns the same messages.

**Credentials**: send the three headers. A client that cannot send headers, such as a browser, sends \`?token=<ticket>\` with a new ticket of \`POST /v1/conversations/{id}/tickets\` for each connection. The gateway refuses keys and access tokens in a URL. A page needs its origin in \`allowed_origins\` of the tenant.

**Frames** are \`{"type", "payload", "id"}\` in JSON. The \`id\` is the number of the change up to which the client has everything. A frame that is no change of a message repeats the number before it; \`pong\` and \`error\` have none. In server-sent events, the frame is the \`data\` of an event of that type with the same \`id\`.

| from the gateway | payload |
|---|---|
| \`ready\` | \`{last_seq, last_change}\`: the \`seq\` of the newest message and the number of the newest change when the connection opens |
| \`chat_message\` | a message, as \`GET .../messages\` returns it |
| \`chat_message_updated\`, \`chat_message_deleted\` | the current message |
| \`chat_typing\` | \`{user_id, is_typing}\`. The user who types receives it too |
| \`chat_read\` | \`{user_id, seq}\` |
| \`pong\` | \`{}\` |
| \`error\` | a problem. A WebSocket stays open after it; an event stream ends with it |

| from the client, on a WebSocket | |
|---|---|
| \`{"type":"ping"}\` | the gateway answers with \`pong\` |
| \`{"type":"typing","is_typing":true}\` | requires \`conversations:reply\`; at most 2 per second |

Send messages with \`POST .../messages\`. The content of a message is \`text/plain\`: a page must escape it before it shows it.

**No gap**: with \`?changed_after=<id>\` or \`Last-Event-ID\`, the gateway first sends every change after that one, and then new changes: new messages, edits and deletions, each with the message as it is now. It sends each message once as \`chat_message\`, in the order of \`seq\`. With \`?after=<seq>\`, it sends the changes since that message was written. Without a position, it sends only new changes.

**Close codes**: ${CLOSE_CODES.unauthenticated} not authenticated, logged out, token expired or key revoked; ${CLOSE_CODES.forbidden} not a member, scope lost, tenant suspended, or no such conversation; ${CLOSE_CODES.timeout} silent for 60 s (the gateway pings every 30 s); ${CLOSE_CODES.too_many_requests} too many frames or too many connections; 1009 frame over 16 KiB; ${CLOSE_CODES.policy_violation} invalid message, 1002 invalid WebSocket frame; ${CLOSE_CODES.internal_error} internal error; ${CLOSE_CODES.try_again_later} reader too slow, or try again later; ${CLOSE_CODES.service_restart} the gateway restarts. The reason is the code of the problem, followed by \`; Retry-After: <seconds>\` if the client should wait before it connects again. The gateway refuses a handshake by accepting it and closing it with a code, because a page cannot read an HTTP response to a handshake. If it refuses very many handshakes at once, it answers over HTTP. When a caller loses a right that the connection needs, the gateway closes it within a second.
`.trim()
