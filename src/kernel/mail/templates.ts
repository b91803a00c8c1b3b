import type { Mail } from './mail.js'

/** The mails that the gateway sends. Each names what caused it, what its link does, and how long the link works. */

/** An invitation into a tenant. */
export function invitationMail(to: string, tenant_name: string, token: string, public_url: string): Mail {
  return {
    to,
    subject: `You are invited to ${oneLine(tenant_name)}`,
    text: `You are invited to join ${oneLine(tenant_name)}.

Log in as ${to} (or register with this address first) and accept within 72 hours:

  POST ${public_url}/v1/invitations/${token}/accept

To decline, POST to ${public_url}/v1/invitations/${token}/decline instead.
If you do not know ${oneLine(tenant_name)}, ignore this mail: nothing happens.
`,
  }
}

/** A link that verifies the address. */
export function verificationMail(to: string, token: string, public_url: string): Mail {
  return {
    to,
    subject: 'Verify your email address',
    text: `A person, probably you, registered with this address at ${public_url}.

To verify within 24 hours that the address is yours:

  PUT ${public_url}/v1/auth/email-verifications/${token}

If it was not you, ignore this mail: nothing happens.
`,
  }
}

/** A link to set a new password. */
export function passwordResetMail(to: string, token: string, public_url: string): Mail {
  return {
    to,
    subject: 'Set a new password',
    text: `A person, probably you, requested a new password at ${public_url}.

To set one, within 30 minutes:

  PUT ${public_url}/v1/auth/password-resets/${token}
  {"password": "..."}

This ends every session. If it was not you, ignore this mail: your password does not change.
`,
  }
}

/** Users choose names. A line break in a name must not start a header or a paragraph of the mail. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
