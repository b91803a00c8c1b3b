import { createHmac } from 'node:crypto'
import { importPKCS8, SignJWT } from 'jose'
import { v4 as uuidv4 } from 'uuid'
import { generateSigningKeys, parseSigningKeys } from '../../../src/kernel/config/secrets.js'
import { withCanonicalSignature } from '../../../src/kernel/credentials/canonical-signature.js'
import { PUBLIC_URL, type TestGateway } from '../../helpers/gateway.js'

const HOUR_SECONDS = 3600

/** Tokens that are each invalid in one way. The gateway's own key signs each token whose defect is not its signature. */
export async function forgedTokens(gateway: TestGateway, good: string): Promise<Record<string, string>> {
  const key = gateway.signing_keys[0]
  const stranger = (await parseSigningKeys(generateSigningKeys()))[0]
  const [head, body, signature] = good.split('.') as [string, string, string]
  const { sub, sid } = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, string>
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub, sid, jti: uuidv4(), iss: PUBLIC_URL, aud: 'gatehouse', iat: now, exp: now + HOUR_SECONDS }
  const header = { alg: 'ES256', typ: 'at+jwt', kid: key.kid }
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const sign = async (changed: object, changed_header: object = {}, pem = key.private_pem as string) =>
    withCanonicalSignature(
      await new SignJWT({ ...claims, ...changed })
        .setProtectedHeader({ ...header, ...changed_header })
        .sign(await importPKCS8(pem, 'ES256')),
      'ES256',
    )
  const hmac = (secret: string) => {
    const signed = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
  }
  return {
    'a valid token, as a check of this list': await sign({}),
    'algorithm none': `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`,
    'algorithm none with a signature': `${encode({ ...header, alg: 'none' })}.${encode(claims)}.${signature}`,
    'algorithm nOnE': `${encode({ ...header, alg: 'nOnE' })}.${encode(claims)}.${signature}`,
    'algorithm es256': `${encode({ ...header, alg: 'es256' })}.${body}.${signature}`,
    'HMAC with the public key': hmac(key.public_pem),
    'HMAC with an empty secret': hmac(''),
    'signed by another key under the kid of the gateway': await sign({}, {}, stranger.private_pem),
    'signed by another key under its own kid': await sign({}, { kid: stranger.kid }, stranger.private_pem),
    'a key in the token itself': await sign({}, { kid: 'x', jwk: stranger.public_jwk }, stranger.private_pem),
    'no kid': await sign({}, { kid: undefined }),
    'a kid that is no string': `${encode({ ...header, kid: [key.kid] })}.${body}.${signature}`,
    'a kid that is a property of every object': `${encode({ ...header, kid: '__proto__' })}.${body}.${signature}`,
    'another payload': `${head}.${encode({ ...claims, sub: uuidv4() })}.${signature}`,
    'no signature': `${head}.${body}.`,
    'a damaged signature': `${head}.${body}.${signature.slice(0, -4)}AAAA`,
    'type JWT': await sign({}, { typ: 'JWT' }),
    'no type': await sign({}, { typ: undefined }),
    expired: await sign({ iat: now - 2 * HOUR_SECONDS, exp: now - 1 }),
    'without expiry': await sign({ exp: undefined }),
    'not yet valid': await sign({ nbf: now + HOUR_SECONDS }),
    'of another issuer': await sign({ iss: 'http://evil.example' }),
    'for another audience': await sign({ aud: 'somebody-else' }),
    'without audience': await sign({ aud: undefined }),
    'without issuer': await sign({ iss: undefined }),
    'without session': await sign({ sid: undefined }),
    'of an unknown session': await sign({ sid: uuidv4() }),
    'of a session of another user': await sign({ sub: uuidv4() }),
    'whose subject is no id': await sign({ sub: "' or 1=1" }),
    'in JSON form': JSON.stringify({ payload: body, protected: head, signature }),
    'in quotes': `"${good}"`,
    'twice, with a comma': `${good},${good}`,
    'of five parts': `${good}.x.y`,
    'too long': await sign({ filling: 'x'.repeat(3000) }),
  }
}
