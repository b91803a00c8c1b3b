#!/bin/sh
# A key gets a new secret while the old one works for another hour. Then the key rotates again without an overlap.
. "$(dirname "$0")/common.sh"

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
keys="/v1/tenants/$TENANT_ID/keys"
ask 201 POST "$keys" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d '{"name":"Nightly import","scopes":["conversations:view"]}'
old=$(field key)
id=$(field id)

ask 201 POST "$keys/$id/rotate" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d '{"overlap_seconds":3600}'
new=$(field key)

# Both secrets work. Responses to the old one say when it ends.
ask 200 GET '/v1/customers?limit=1' -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $new"
ask 200 GET '/v1/customers?limit=1' -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $old"
header deprecation | grep -q '^@[0-9]*$'
header sunset | grep -q 'GMT$'
ask 200 GET "$keys/$id" -H "Authorization: Bearer $access"
expect '"safe_to_retire":false'
ask 409 POST "$keys/$id/rotate" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d '{"overlap_seconds":3600}'
expect '"code":"rotation_in_progress"'

# A script can rotate its own key. Without an overlap, all earlier secrets end at once.
ask 201 POST /v1/key/rotate -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $new" \
  -H 'Content-Type: application/json' -d '{"overlap_seconds":0}'
newest=$(field key)
ask 401 GET '/v1/customers?limit=1' -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $old"
ask 401 GET '/v1/customers?limit=1' -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $new"
ask 200 GET /v1/key -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $newest"
expect '"safe_to_retire":true'
ask 204 DELETE /v1/key -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $newest"
