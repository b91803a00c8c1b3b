#!/bin/sh
# An owner invites an address that no user has. The person joins with the link of the mail in one step, although
# registration is off. A user who has the address accepts on the page of the link, with their password and no script.
. "$(dirname "$0")/common.sh"

email="nora-$$-$(date +%s)@newcomers.example"
password="copper-violin-harbour-93-$$"

invite() {
  ask 201 POST "/v1/tenants/$TENANT_ID/invitations" -H "Authorization: Bearer $owner" \
    -H 'Content-Type: application/json' -d "{\"email\":\"$1\",\"roles\":[\"Analyst\"]}"
  token=$(mail_to "$1" | sed -n 's|^  http.*/invitations/||p')
}
login "$OWNER_EMAIL" "$OWNER_PASSWORD"
owner=$access

invite "$email"
ask 200 GET "/v1/invitations/$token"
expect '"is_registered":false'
# The page of the link, as a browser gets it.
ask 200 GET "/invitations/$token" -H 'Accept: text/html'
expect '<form method="post">'
ask 200 POST "/v1/invitations/$token/join" -H 'Content-Type: application/json' \
  -d "{\"name\":\"Nora New\",\"password\":\"$password\"}"
nora=$(field access)
nora_id=$(printf '%s' "$answer" | sed 's/.*"user":{"id":"\([^"]*\)".*/\1/')
ask 200 GET "/v1/tenants/$TENANT_ID/audit-events?action=invitation.joined&limit=1" -H "Authorization: Bearer $nora"
expect '"action":"invitation.joined"'
ask 409 GET "/v1/invitations/$token"
expect '"code":"invitation_closed"'

# Nora leaves, and is invited again. Now she has a user, whose password a link does not replace.
ask 204 DELETE "/v1/tenants/$TENANT_ID/members/$nora_id" -H "Authorization: Bearer $owner"
invite "$email"
ask 409 POST "/v1/invitations/$token/join" -H 'Content-Type: application/json' \
  -d '{"name":"Another","password":"walnut-harbour-crystal-93"}'
expect '"code":"already_registered"'
ask 403 POST "/invitations/$token" -H 'Sec-Fetch-Site: cross-site' --data-urlencode "password=$password"
expect '"code":"cross_site_request"'
ask 401 POST "/invitations/$token" -d 'password=not-the-password-of-nora'
ask 200 POST "/invitations/$token" --data-urlencode "password=$password"
expect 'You are a member now.'
ask 204 DELETE "/v1/tenants/$TENANT_ID/members/$nora_id" -H "Authorization: Bearer $owner"
