#!/bin/sh
# Customers of a tenant: list, create, a conflict, a change that cannot overwrite another change, delete.
. "$(dirname "$0")/common.sh"

login "$AGENT_EMAIL" "$AGENT_PASSWORD"
as_agent() {
  expected=$1 method=$2 path=$3
  shift 3
  ask "$expected" "$method" "$path" -H "Authorization: Bearer $access" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY" "$@"
}

as_agent 200 GET '/v1/customers?limit=2'
expect '"next_cursor":"'
as_agent 200 GET "/v1/customers?limit=2&cursor=$(field next_cursor)"
as_agent 200 GET '/v1/customers?search=moreau&limit=2'

email="ada.$$@example.com"
as_agent 201 POST /v1/customers -H 'Content-Type: application/json' -d "{\"name\":\"Ada Example\",\"email\":\"$email\",\"tags\":[\"vip\"]}"
id=$(field id)
as_agent 409 POST /v1/customers -H 'Content-Type: application/json' -d "{\"name\":\"Ada again\",\"email\":\"$email\"}"
expect '"conflicting_field":"email"'

as_agent 200 GET "/v1/customers/$id"
etag=$(header etag)
as_agent 200 PATCH "/v1/customers/$id" -H "If-Match: $etag" -H 'Content-Type: application/json' -d '{"tags":["vip","newsletter"]}'
as_agent 412 PATCH "/v1/customers/$id" -H "If-Match: $etag" -H 'Content-Type: application/json' -d '{"name":"Overwritten"}'
expect '"code":"precondition_failed"'

as_agent 204 DELETE "/v1/customers/$id"
as_agent 404 GET "/v1/customers/$id"
