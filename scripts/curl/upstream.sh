#!/bin/sh
# A service behind the gateway that does not know the gateway. `npm run demo:upstream` starts both.
. "$(dirname "$0")/common.sh"

as() {
  expected=$1 method=$2 path=$3
  shift 3
  ask "$expected" "$method" "$path" -H "Authorization: Bearer $access" -H "X-TENANT-ID: $TENANT_ID" -H "X-TENANT-API-KEY: $TENANT_API_KEY" "$@"
}

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
as 201 POST /training/start -H 'Content-Type: application/json' -d '{"model":"churn-2026","epochs":10}'
expect '"state":"running"'
id=$(field id)
as 409 POST /training/start -H 'Content-Type: application/json' -d '{"model":"churn-2027"}'
expect 'already running'

# A page polls like this. GET /training/live sends the same over a WebSocket.
tries=0
as 200 GET /training/status
until printf '%s' "$answer" | grep -q '"epoch":[1-9]'; do
  tries=$((tries + 1))
  if [ "$tries" -gt 20 ]; then
    echo 'the training makes no progress' >&2
    exit 1
  fi
  sleep 1
  as 200 GET /training/status
done
as 200 GET /training/sessions
as 200 GET "/training/sessions/$id"
expect '"model":"churn-2026"'
as 404 GET /training/sessions/none-such
expect 'no such session'
as 200 POST /training/stop
expect '"state":"stopped"'
as 409 POST /training/stop

# A route that the manifest does not declare is 404, even if the service has it.
as 404 GET /training/admin
expect '"code":"not_found"'

# An analyst holds neither training:view nor training:run. The response lists the roles that grant them.
login "$ANALYST_EMAIL" "$ANALYST_PASSWORD"
as 403 POST /training/start -H 'Content-Type: application/json' -d '{"model":"mine"}'
expect '"missing":["training:run"]'
expect '"granted_by_roles":["Owner"'
as 403 GET /training/status
expect '"missing":["training:view"]'
