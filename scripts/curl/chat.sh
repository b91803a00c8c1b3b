#!/bin/sh
# A conversation: create it, open a stream, write messages, read from a seq on, report, review and delete a message.
. "$(dirname "$0")/common.sh"

# as TOKEN STATUS METHOD PATH [curl arguments]: sends a request of a user of Acme, with the key of Acme's app.
as() {
  token=$1 expected=$2 method=$3 path=$4
  shift 4
  ask "$expected" "$method" "$path" -H "Authorization: Bearer $token" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY" "$@"
}
# listen TOKEN: opens an event stream in the background and writes it to a file. -N makes curl write without buffering.
listen() {
  printf '\n> GET %s (in the background)\n' "$GATEWAY_URL$talk/stream"
  curl -sSN "$GATEWAY_URL$talk/stream" -H 'Accept: text/event-stream' -H "Authorization: Bearer $1" \
    -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY" >"$work/heard" &
  listener=$!
  trap 'kill "$listener" 2>/dev/null; rm -rf "$work"' EXIT
  hear 'event: ready'
}

# hear TEXT: waits until the stream contains the text, and prints its line.
hear() {
  tries=0
  until grep -F "$1" "$work/heard" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
      echo "the stream did not send: $1" >&2
      exit 1
    fi
    sleep 0.1
  done
}

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
owner=$access
login "$AGENT_EMAIL" "$AGENT_PASSWORD"
agent=$access
json='Content-Type: application/json'

as "$owner" 201 POST /v1/conversations -H "$json" -d '{"title":"A question about the shop","channel":"web"}'
id=$(field id)
talk=/v1/conversations/$id
listen "$owner"

as "$agent" 201 POST "$talk/messages" -H "$json" -H "Idempotency-Key: $id-1" -d '{"content":"Hello, <b>how</b> can I help?"}'
location=$(header location)
message=${location##*/}
expect '"seq":1'

hear '"content":"Hello, <b>how</b> can I help?"'

# A repeated request with the same Idempotency-Key returns the same message.
as "$agent" 201 POST "$talk/messages" -H "$json" -H "Idempotency-Key: $id-1" -d '{"content":"Hello, <b>how</b> can I help?"}'
expect '"seq":1'
as "$owner" 201 POST "$talk/messages" -H "$json" -d "{\"content\":\"Never mind\",\"reply_to\":\"$message\"}"
expect '"seq":2'
hear '"content":"Never mind"'
as "$agent" 200 PUT "$talk/read" -H "$json" -d '{"seq":2}'

# A client that polls reads the messages after a seq.
as "$agent" 200 GET "$talk/messages?after=1"
expect '"content":"Never mind"'

as "$owner" 201 POST "$talk/messages/$message/reports" -H "$json" -d '{"reason":"To see how it works"}'
report=$(field id)
as "$owner" 409 POST "$talk/messages/$message/reports" -H "$json" -d '{"reason":"Once more"}'
expect '"code":"already_reported"'
as "$agent" 403 GET '/v1/reports?status=pending'
expect '"missing":["conversations:moderate"]'
as "$owner" 200 GET '/v1/reports?status=pending&limit=1'
expect "\"id\":\"$report\""
as "$owner" 200 POST "/v1/reports/$report/review" -H "$json" -d '{"note":"Nothing wrong with it"}'
as "$owner" 409 POST "/v1/reports/$report/dismiss" -H "$json" -d '{"note":"Changed my mind"}'
expect '"code":"already_decided"'

as "$agent" 204 DELETE "$talk/messages/$message"
hear 'event: chat_message_deleted'
as "$owner" 200 GET "$talk/messages/$message"
expect '"content":null'

as "$owner" 200 PATCH "$talk" -H "$json" -d '{"status":"closed"}'
as "$agent" 409 POST "$talk/messages" -H "$json" -d '{"content":"One more thing"}'
expect '"code":"conversation_closed"'
