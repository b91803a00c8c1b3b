#!/bin/sh
# A refusal that explains itself: which scopes are required and missing, who was checked, and which roles grant them.
. "$(dirname "$0")/common.sh"

ask 403 GET /v1/customers -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY"
expect '"missing":["conversations:view"]'
expect '"kind":"key"'

login "$ANALYST_EMAIL" "$ANALYST_PASSWORD"
ask 403 GET /v1/customers -H "Authorization: Bearer $access" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY"
expect '"kind":"user"'
expect '"granted_by_roles":["Owner","Admin","Support Lead","Agent"]'

# Each problem has a page; its URL is the type.
ask 200 GET "/problems/$(field code)"
expect 'Insufficient scope'

# A key of another tenant gets the response of a key that does not exist.
ask 401 GET /v1/customers -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $OTHER_TENANT_API_KEY"
expect '"code":"invalid_tenant_credentials"'
