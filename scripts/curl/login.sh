#!/bin/sh
# Log in, read my profile, exchange the refresh token, log out. After that the access token is refused.
. "$(dirname "$0")/common.sh"

ask 401 POST /v1/auth/login -H 'Content-Type: application/json' -d "{\"email\":\"$AGENT_EMAIL\",\"password\":\"a wrong guess of mine\"}"
expect '"code":"invalid_credentials"'

login "$AGENT_EMAIL" "$AGENT_PASSWORD"
ask 200 GET /v1/me -H "Authorization: Bearer $access"
expect "\"email\":\"$AGENT_EMAIL\""

ask 200 POST /v1/auth/refresh -H 'Content-Type: application/json' -d "{\"refresh\":\"$refresh\"}"
access=$(field access)

ask 204 POST /v1/auth/logout -H "Authorization: Bearer $access"
ask 401 GET /v1/me -H "Authorization: Bearer $access"
expect '"code":"invalid_token"'
