import type { Mail } from './mailer.js'

/** The mails that the gateway writes. Each says who caused it, what the link does, and for how long it works. */

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

/** A link to prove the address. */
export function verificationMail(to: string, token: string, public_url: string): Mail {
  return {
    to,
    subject: 'Verify your email address',
    text: `Somebody, probably you, gave this address to ${public_url}.

To verify that it is yours, within 24 hours:

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
    text: `Somebody, probably you, asked for a new password at ${public_url}.

To set one, within 30 minutes:

  PUT ${public_url}/v1/auth/password-resets/${token}
  {"password": "..."}

Every session will end. If it was not you, ignore this mail: your password stays.
`,
  }
}

/** Names are chosen by people: a line break in one must not begin a header or a paragraph of ours. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
