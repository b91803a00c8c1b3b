#!/bin/sh
# A key with scopes of its own: the owner creates it, a script uses it without a user, the owner revokes it.
. "$(dirname "$0")/common.sh"

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
ask 201 POST "/v1/tenants/$TENANT_ID/keys" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d '{"name":"Nightly export","scopes":["conversations:view"]}'
key=$(field key)
key_id=$(field id)

ask 200 GET '/v1/customers?limit=1' -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $key"
ask 403 POST /v1/customers -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $key" \
  -H 'Content-Type: application/json' -d '{"name":"Not by this key"}'
expect '"missing":["customers:edit"]'

ask 204 DELETE "/v1/tenants/$TENANT_ID/keys/$key_id" -H "Authorization: Bearer $access"
ask 401 GET '/v1/customers?limit=1' -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $key"
expect '"code":"invalid_tenant_credentials"'
