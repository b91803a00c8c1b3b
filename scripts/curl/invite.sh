#!/bin/sh
# An owner invites a user by mail, and later offers a membership by id. The user accepts and is a member from the next
# request on, until the owner removes them.
. "$(dirname "$0")/common.sh"

login "$STRANGER_EMAIL" "$STRANGER_PASSWORD"
stranger=$access
stranger_id=$(field id)
ask 403 GET "/v1/tenants/$TENANT_ID/audit-events?limit=1" -H "Authorization: Bearer $stranger"
expect '"code":"tenant_access_denied"'

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
ask 201 POST "/v1/tenants/$TENANT_ID/invitations" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d "{\"email\":\"$STRANGER_EMAIL\",\"roles\":[\"Analyst\"]}"

# Without SMTP_URL a mail is a file. In its text, the link is on a line of its own.
token=$(mail_to "$STRANGER_EMAIL" | sed -n 's|^  http.*/invitations/||p')

# No other user can use the link.
ask 403 POST "/v1/invitations/$token/accept" -H "Authorization: Bearer $access"
expect '"code":"invitation_not_for_you"'
ask 200 POST "/v1/invitations/$token/accept" -H "Authorization: Bearer $stranger"
# Filtered by action, because the refusal above is recorded too, perhaps later.
ask 200 GET "/v1/tenants/$TENANT_ID/audit-events?action=invitation.accepted&limit=1" -H "Authorization: Bearer $stranger"
expect '"action":"invitation.accepted"'
ask 409 POST "/v1/invitations/$token/accept" -H "Authorization: Bearer $stranger"
expect '"code":"invitation_closed"'

ask 204 DELETE "/v1/tenants/$TENANT_ID/members/$stranger_id" -H "Authorization: Bearer $access"
ask 403 GET "/v1/tenants/$TENANT_ID/audit-events?limit=1" -H "Authorization: Bearer $stranger"

# By id, the membership is pending until the user accepts it.
ask 201 POST "/v1/tenants/$TENANT_ID/members" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d "{\"user_id\":\"$stranger_id\",\"roles\":[\"Analyst\"]}"
expect '"state":"pending"'
ask 403 GET "/v1/tenants/$TENANT_ID/audit-events?limit=1" -H "Authorization: Bearer $stranger"
ask 200 GET /v1/me -H "Authorization: Bearer $stranger"
expect '"pending_memberships":[{'
ask 200 POST "/v1/me/memberships/$TENANT_ID/accept" -H "Authorization: Bearer $stranger"
ask 200 GET "/v1/tenants/$TENANT_ID/audit-events?limit=1" -H "Authorization: Bearer $stranger"
ask 204 DELETE "/v1/tenants/$TENANT_ID/members/$stranger_id" -H "Authorization: Bearer $access"
