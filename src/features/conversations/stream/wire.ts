/** The wire protocol, for the contract. */
export const STREAM_DESCRIPTION = `
Two ways to listen, which tell the same: a **WebSocket** (an upgrade of this request), or **server-sent events** (\`Accept: text/event-stream\`; \`curl -N\` is a client). Where neither can be had, poll \`GET /v1/conversations/{id}/messages?after=<seq>&wait=25\`: the same messages with the same \`seq\`.

**Credentials**: the three headers; or, where a client cannot send headers, \`?token=<ticket>\` of \`POST /v1/conversations/{id}/tickets\`, asked for anew each time. Keys and access tokens in a URL are refused. A page needs its origin on the list of the tenant.

**Frames** are \`{"type", "payload"}\` in JSON. As server-sent events they are the \`data\` of an event of that type.

| from the gateway | payload |
|---|---|
| \`ready\` | \`{last_seq}\`: the newest message as the connection begins |
| \`chat_message\` | a message, as \`GET .../messages\` shows it. As an event its \`id\` is the \`seq\` |
| \`chat_message_updated\`, \`chat_message_deleted\` | the message as it is now |
| \`chat_typing\` | \`{user_id, is_typing}\`, to whoever types too |
| \`chat_read\` | \`{user_id, seq}\` |
| \`pong\` | \`{}\` |
| \`error\` | a problem. On a WebSocket the connection stays open; a stream of events ends with it |

| from the client, on a WebSocket | |
|---|---|
| \`{"type":"ping"}\` | is answered with \`pong\` |
| \`{"type":"typing","is_typing":true}\` | needs \`conversations:reply\`; at most 2 a second |

Messages are written with \`POST .../messages\`. What they hold is \`text/plain\`: whoever shows it in a page has to escape it.

**No gap, no repeat**: with \`?after=<seq>\`, or \`Last-Event-ID\`, everything behind that message comes first, then what happens. Each message comes once, in the order of \`seq\`. Without it nothing of the past is sent. Edits and deletions that happened while nobody was connected are not repeated: the list shows them.

**Close codes**: 4401 not authenticated, signed out, expired, key revoked; 4403 no member, scope lost, tenant suspended, or no such conversation; 4408 silent for 60 s (the gateway pings every 30 s); 4429 flooding, or too many connections; 1009 frame over 16 KiB; 1008 broken protocol, 1002 where not even its frames can be read; 1011 a failure of ours; 1013 reader too slow, or come back later; 1012 the gateway goes down. The reason is the code of the problem, and \`; Retry-After: <seconds>\` where there is a time to come back at. A handshake that is refused is accepted and then closed, for a page sees nothing else; only where very many are refused at once is it an answer over HTTP. A connection obeys: when a right that it needs ends, it is closed within a second.
`.trim()
