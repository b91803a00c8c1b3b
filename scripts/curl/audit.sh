#!/bin/sh
# The audit of a tenant: find an event, export all events, and check the export without the gateway.
. "$(dirname "$0")/common.sh"

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
events="/v1/tenants/$TENANT_ID/audit-events"
ask 201 POST "/v1/tenants/$TENANT_ID/keys" -H "Authorization: Bearer $access" -H 'X-Request-ID: deploy-1407' \
  -H 'Content-Type: application/json' -d '{"name":"Short-lived","scopes":[]}'
key_id=$(field id)
ask 204 DELETE "/v1/tenants/$TENANT_ID/keys/$key_id" -H "Authorization: Bearer $access"

ask 200 GET "$events?target_id=$key_id&action=tenant_key.created" -H "Authorization: Bearer $access"
expect '"request_id":"deploy-1407"'

# The export is too long to print.
curl -sS --fail "$GATEWAY_URL$events/export" -H "Authorization: Bearer $access" -o "$work/audit.ndjson"
verify() {
  npm run --silent audit -- verify "$1"
}
printf '\n> npm run audit -- verify audit.ndjson\n'
verify "$work/audit.ndjson"

# The check finds a changed line and a missing line.
sed 's/deploy-1407/deploy-1408/' "$work/audit.ndjson" >"$work/changed.ndjson"
sed 3d "$work/audit.ndjson" >"$work/shorter.ndjson"
for file in changed shorter; do
  printf '\n> npm run audit -- verify %s.ndjson\n' "$file"
  if verify "$work/$file.ndjson"; then
    echo "expected $file.ndjson to be refused" >&2
    exit 1
  fi
done
