import { html } from '../pages/html.js'
import type { Mail } from './mail.js'

/**
 * The mails that the gateway sends. Each names what caused it, what its link does, and how long the link works. The link
 * leads to a page, so that a person can click it: below `link_url`, which is the gateway or a front end.
 */

/** An invitation into a tenant. */
export function invitationMail(to: string, tenant_name: string, token: string, link_url: string): Mail {
  const tenant = oneLine(tenant_name)
  return compose(to, {
    subject: `You are invited to ${tenant}`,
    cause: `You are invited to join ${tenant}.`,
    action: 'Open the invitation',
    link: `${link_url}/invitations/${token}`,
    lifetime: 'The link works once, within 72 hours. Do not forward it: a person who has it can join in your place.',
    otherwise: `If you do not know ${tenant}, ignore this mail: nothing happens.`,
  })
}

/** A link that verifies the address. */
export function verificationMail(to: string, token: string, link_url: string): Mail {
  return compose(to, {
    subject: 'Verify your email address',
    cause: `A person, probably you, registered with this address at ${link_url}.`,
    action: 'Verify the address',
    link: `${link_url}/verify/${token}`,
    lifetime: 'The link works once, within 24 hours.',
    otherwise: 'If it was not you, ignore this mail: nothing happens.',
  })
}

/** A link to set a new password. */
export function passwordResetMail(to: string, token: string, link_url: string): Mail {
  return compose(to, {
    subject: 'Set a new password',
    cause: `A person, probably you, requested a new password at ${link_url}.`,
    action: 'Set a new password',
    link: `${link_url}/password-resets/${token}`,
    lifetime: 'The link works once, within 30 minutes. A new password ends every session.',
    otherwise: 'If it was not you, ignore this mail: your password does not change.',
  })
}

/** What a mail says. Both of its parts say the same. */
interface Content {
  readonly subject: string
  readonly cause: string
  /** What the link does, as an imperative. */
  readonly action: string
  readonly link: string
  readonly lifetime: string
  readonly otherwise: string
}

function compose(to: string, { subject, cause, action, link, lifetime, otherwise }: Content): Mail {
  const text = `${cause}

${action}:

  ${link}

${lifetime}
${otherwise}
`
  // Mail programs remove stylesheets, so each element has its own style.
  const body = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${subject}</title></head>
<body style="margin: 0; padding: 24px 16px; font: 16px/1.5 system-ui, sans-serif">
<div style="max-width: 32rem; margin: 0 auto; overflow-wrap: anywhere">
<p>${cause}</p>
<p style="margin: 24px 0"><a href="${link}" style="display: inline-block; padding: 10px 20px; border-radius: 6px; background: #1f4fbf; color: #ffffff; font-weight: 600; text-decoration: none">${action}</a></p>
<p>If the button does not work, open this address: <a href="${link}">${link}</a></p>
<p>${lifetime}</p>
<p>${otherwise}</p>
</div>
</body>
</html>
`
  return { to, subject, text, html: body.toString() }
}

/** Characters that change the direction of the text after them (Unicode Standard Annex 9). */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * Users choose names. A line break in a name must not start a header or a paragraph of the mail, and a change of direction
 * must not turn around what follows, such as the address of the link.
 */
function oneLine(text: string): string {
  return text.replaceAll(DIRECTIONS, '').replaceAll(/\s+/g, ' ').trim()
}
