import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { parseArgs } from 'node:util'
import { openStores, type PlatformStore } from '../src/app/composition/stores.js'
import { ALL_PRIVILEGES } from '../src/contract/scopes.js'
import { ConfigurationError, readEnvironment } from '../src/kernel/config/env.js'
import { generateSigningKeys } from '../src/kernel/config/secrets.js'
import { normaliseEmail } from '../src/kernel/credentials/email.js'
import { checkNewPassword, openPasswords } from '../src/kernel/credentials/passwords.js'
import { openDatabase } from '../src/kernel/database/open.js'
import { checkPreconditions } from '../src/kernel/database/preconditions.js'
import { LEASE_BARRIER } from '../src/kernel/replicas/barrier.js'
import { systemOrigin } from '../src/kernel/store/audit-record.js'
import { openBus } from '../src/kernel/store/bus.js'
import { run, storageOf } from './storage.js'

const USAGE = `usage: npm run operator -- create --email <address> [--name <name>]
       npm run --silent operator -- signing-key

create       makes an operator who holds every privilege. The password comes from OPERATOR_PASSWORD, from a prompt, or
             from standard input. A user who exists becomes an operator if that is their password.
signing-key  prints a new key for JWT_SIGNING_KEYS.`

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/
const EMAIL_CHARACTERS_MAX = 254
const COMMAND = systemOrigin('operator-command')

await run(async () => {
  const { command, email, name } = readArguments()
  if (command === 'help') console.log(USAGE)
  else if (command === 'signing-key') console.log(generateSigningKeys())
  else if (command === 'create') await create(email, name)
  else throw new ConfigurationError(USAGE)
})

function readArguments(): { command: string | undefined; email: string; name: string | undefined } {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        email: { type: 'string', default: '' },
        name: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const command = values.help ? 'help' : positionals.length === 1 ? positionals[0] : undefined
    return { command, email: values.email, name: values.name }
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}\n${USAGE}`)
  }
}

async function create(given_email: string, given_name: string | undefined): Promise<void> {
  const email = normaliseEmail(given_email)
  if (!EMAIL.test(email) || email.length > EMAIL_CHARACTERS_MAX) {
    throw new ConfigurationError(`--email must be an address\n${USAGE}`)
  }
  // Opened first, so that a database error appears before the person types a password.
  const database = await openDatabase(storageOf(readEnvironment()), () => undefined)
  try {
    await checkPreconditions(database)
    const password = await readPassword(email)
    // The bus of this process has no listener. A running gateway reads rights from the database within seconds.
    const stores = openStores({ database, clock: Date.now, bus: openBus(console.error), barrier: LEASE_BARRIER })
    const platform = stores.platform(() => COMMAND)
    const passwords = await openPasswords()
    const known = await platform.read((store) => store.logins.find(email, ''))
    if (known === undefined) {
      const name = given_name?.trim() || email
      checkNewPassword(password, [email, name])
      const password_hash = await passwords.hash(password)
      const made = await platform.write('user.created', (store) =>
        store.users.create({ email, name, password_hash, is_verified: true }),
      )
      if (made === undefined) throw new ConfigurationError(`another process created ${email} at the same time`)
      await appoint(platform, made.id)
      console.log(`${email} is a user now, and an operator with every privilege`)
      return
    }
    const is_right = await passwords.verify(password, known.password_hash)
    if (!is_right) throw new ConfigurationError(`${email} exists, and this is not their password: nothing was changed`)
    if (known.disabled_at !== null) throw new ConfigurationError(`${email} is disabled: nothing was changed`)
    if (known.is_operator) {
      await platform.write('operator.updated', (store) => store.operators.update(known.id, ALL_PRIVILEGES))
    } else await appoint(platform, known.id)
    console.log(`${email} is an operator with every privilege`)
  } finally {
    await database.close()
  }
}

/** Makes a user an operator. The password of the user, which the command has verified, is the consent. */
async function appoint(platform: PlatformStore, user_id: string): Promise<void> {
  await platform.write('operator.offered', (store) => store.operators.offer(user_id, ALL_PRIVILEGES))
  await platform.write('operator.accepted', (store) => store.own_appointment.accept(user_id))
}

/** From OPERATOR_PASSWORD, from a person at a terminal, or from standard input: never from the arguments, which `ps` shows. */
async function readPassword(email: string): Promise<string> {
  const password =
    process.env.OPERATOR_PASSWORD || (process.stdin.isTTY ? await prompt(`Password of ${email}: `) : await readInput())
  if (password === '') throw new ConfigurationError('OPERATOR_PASSWORD: no password was given')
  return password
}

async function prompt(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  // The prompt is printed after this line, because before it the terminal would show the typed text.
  process.stderr.write(question)
  lines.on('SIGINT', () => process.exit(130))
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve)
    lines.once('close', () => resolve(''))
  })
  lines.close()
  process.stderr.write('\n')
  return answer
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  // The line break at the end is not part of the password.
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}
