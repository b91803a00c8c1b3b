#!/bin/sh
# A user gets 403. The owner finds out why, grants the scope to this user only, and takes it back.
. "$(dirname "$0")/common.sh"

login "$ANALYST_EMAIL" "$ANALYST_PASSWORD"
analyst=$access
analyst_id=$(field id)
as_analyst() {
  ask "$1" GET '/v1/customers?limit=1' -H "Authorization: Bearer $analyst" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY"
}
as_analyst 403

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
explain() {
  ask 200 POST "/v1/tenants/$TENANT_ID/access/explain" -H "Authorization: Bearer $access" -H 'Content-Type: application/json' \
    -d "{\"user_id\":\"$analyst_id\",\"method\":\"GET\",\"path\":\"/v1/customers\"}"
}
explain
expect '"allowed":false'
expect '"missing":["conversations:view"]'
expect '"granted_by_roles":["Owner","Admin","Support Lead","Agent"]'

override="/v1/tenants/$TENANT_ID/members/$analyst_id/overrides/conversations:view"
ask 200 PUT "$override" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d '{"effect":"grant","reason":"covers for Arthur this week"}'
explain
expect '"allowed":true'
as_analyst 200

ask 204 DELETE "$override" -H "Authorization: Bearer $access"
as_analyst 403
