#!/bin/sh
# An operator suspends a tenant and activates it again. In between, a valid key of the tenant gets 403.
. "$(dirname "$0")/common.sh"

login "$OPERATOR_EMAIL" "$OPERATOR_PASSWORD"
ask 200 GET '/v1/platform/tenants?limit=2' -H "Authorization: Bearer $access"
expect "\"id\":\"$OTHER_TENANT_ID\""

ask 200 POST "/v1/platform/tenants/$OTHER_TENANT_ID/suspend" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d '{"reason":"invoice of March is open"}'
ask 403 GET /v1/access -H "X-TENANT-ID: $OTHER_TENANT_ID" -H "X-TENANT-API-KEY: $OTHER_TENANT_API_KEY"
expect '"code":"tenant_suspended"'

ask 200 POST "/v1/platform/tenants/$OTHER_TENANT_ID/activate" -H "Authorization: Bearer $access"
ask 200 GET /v1/access -H "X-TENANT-ID: $OTHER_TENANT_ID" -H "X-TENANT-API-KEY: $OTHER_TENANT_API_KEY"

# The Owner of a tenant has no access to the platform.
login "$OWNER_EMAIL" "$OWNER_PASSWORD"
ask 403 GET /v1/platform/tenants -H "Authorization: Bearer $access"
expect '"code":"platform_access_denied"'
