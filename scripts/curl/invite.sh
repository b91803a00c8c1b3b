#!/bin/sh
# An owner invites somebody by mail, who accepts: a member from the next request on, and none after being removed.
. "$(dirname "$0")/common.sh"

login "$STRANGER_EMAIL" "$STRANGER_PASSWORD"
stranger=$access
stranger_id=$(field id)
ask 403 GET "/v1/tenants/$TENANT_ID/audit-events?limit=1" -H "Authorization: Bearer $stranger"
expect '"code":"tenant_access_denied"'

login "$OWNER_EMAIL" "$OWNER_PASSWORD"
ask 201 POST "/v1/tenants/$TENANT_ID/invitations" -H "Authorization: Bearer $access" \
  -H 'Content-Type: application/json' -d "{\"email\":\"$STRANGER_EMAIL\",\"roles\":[\"Analyst\"]}"

# Without SMTP_URL a mail is a file. Its long lines end with =, and go on in the next one.
token=$(mail_to "$STRANGER_EMAIL" | sed -n 's|.*/v1/invitations/\([^/]*\)/accept.*|\1|p')

# The link is worth nothing to anybody else.
ask 403 POST "/v1/invitations/$token/accept" -H "Authorization: Bearer $access"
expect '"code":"invitation_not_for_you"'
ask 200 POST "/v1/invitations/$token/accept" -H "Authorization: Bearer $stranger"
# Asked for by its action: the refusal above is recorded too, perhaps later.
ask 200 GET "/v1/tenants/$TENANT_ID/audit-events?action=invitation.accepted&limit=1" -H "Authorization: Bearer $stranger"
expect '"action":"invitation.accepted"'
ask 409 POST "/v1/invitations/$token/accept" -H "Authorization: Bearer $stranger"
expect '"code":"invitation_closed"'

ask 204 DELETE "/v1/tenants/$TENANT_ID/members/$stranger_id" -H "Authorization: Bearer $access"
ask 403 GET "/v1/tenants/$TENANT_ID/audit-events?limit=1" -H "Authorization: Bearer $stranger"
