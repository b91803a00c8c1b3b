#!/bin/sh
# Names: find a member in the directory, hand a conversation off to them, and read who wrote what. Leave a tenant.
. "$(dirname "$0")/common.sh"

# as TOKEN STATUS METHOD PATH [curl arguments]: sends a request of a user of Acme, with the key of Acme's app.
as() {
  token=$1 expected=$2 method=$3 path=$4
  shift 4
  ask "$expected" "$method" "$path" -H "Authorization: Bearer $token" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY" "$@"
}

login "$AGENT_EMAIL" "$AGENT_PASSWORD"
agent=$access
agent_id=$(field id)
login "$OWNER_EMAIL" "$OWNER_PASSWORD"
owner=$access
owner_id=$(field id)
json='Content-Type: application/json'

# The directory has names and no email addresses. Members read it with and without a key.
as "$owner" 200 GET '/v1/directory?kind=user&limit=100'
expect "\"id\":\"$agent_id\""
name=$(printf '%s' "$answer" | sed "s/.*\"id\":\"$agent_id\",\"name\":\"\([^\"]*\)\".*/\1/")
ask 200 GET "/v1/tenants/$TENANT_ID/directory?search=$(printf '%s' "$name" | sed 's/ /%20/g')" -H "Authorization: Bearer $agent"
expect "\"id\":\"$agent_id\""

# A hand-off to the member. The conversation and its messages name people.
as "$owner" 201 POST /v1/conversations -H "$json" -d '{"title":"To be handed off"}'
talk=/v1/conversations/$(field id)
as "$owner" 200 POST "$talk/handoff" -H "$json" -d "{\"assignee_id\":\"$agent_id\"}"
expect "\"assignee\":{\"id\":\"$agent_id\",\"name\":\"$name\"}"
as "$agent" 201 POST "$talk/messages" -H "$json" -d '{"content":"I take over."}'
expect "\"author\":{\"kind\":\"user\",\"id\":\"$agent_id\",\"name\":\"$name\"}"

# Every member reads the roles and their own overrides.
ask 200 GET "/v1/tenants/$TENANT_ID/roles?limit=1" -H "Authorization: Bearer $agent"
ask 200 GET "/v1/tenants/$TENANT_ID/members/$agent_id/overrides" -H "Authorization: Bearer $agent"
ask 403 GET "/v1/tenants/$TENANT_ID/members/$owner_id/overrides" -H "Authorization: Bearer $agent"

# Every member can leave, but for the last Owner.
ask 409 DELETE "/v1/tenants/$TENANT_ID/members/$owner_id" -H "Authorization: Bearer $owner"
expect '"code":"last_owner"'
