#!/bin/sh
# A refusal that explains itself: what is required, what is missing, who asked, and which role would change it.
. "$(dirname "$0")/common.sh"

ask 403 GET /v1/customers -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY"
expect '"missing":["conversations:view"]'
expect '"kind":"key"'

login "$ANALYST_EMAIL" "$ANALYST_PASSWORD"
ask 403 GET /v1/customers -H "Authorization: Bearer $access" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY"
expect '"kind":"user"'
expect '"granted_by_roles":["Owner","Admin","Support Lead","Agent"]'

# Every problem has a page of its own, at its type.
ask 200 GET "/problems/$(field code)"
expect 'Insufficient scope'

# A key of another tenant is refused like one that does not exist.
ask 401 GET /v1/customers -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $OTHER_TENANT_API_KEY"
expect '"code":"invalid_tenant_credentials"'
