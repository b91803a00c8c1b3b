import ts from 'typescript'
import { t } from '../helpers/t.js'
import { filesThatUse, type Source, sourcesOf } from './names-used.js'

const product = sourcesOf(['src'])

/** The tables whose rows are rights in a tenant or on the platform, or decide whether rights hold. */
const TABLES = [
  'tenants',
  'users',
  'memberships',
  'membership_roles',
  'overrides',
  'roles',
  'invitations',
  'invitation_roles',
  'tenant_keys',
  'operators',
]
const LOCKS = ['lockActor', 'lockOperator', 'lockOperators', 'lockSelf', 'lockVerifiedUser']
const WRITES = ['insert', 'update', 'delete']

/** The public methods that write rights without one of `LOCKS`, each with the reason. */
const WITHOUT_ACTOR: Readonly<Record<string, string>> = {
  'src/features/auth/email-verifications/store.ts EmailVerificationsWriter.use':
    'the link is the proof, and works once',
  'src/features/auth/password-resets/store.ts PasswordResetsWriter.use': 'the link is the proof, and works once',
  'src/features/invitations/received/store.ts ReceivedInvitationsWriter.join':
    'the link is the proof of an address without a user, and works once; the inviter is read again',
  'src/features/auth/users-store.ts UsersWriter.register': 'it grants nothing: the address is not verified',
  'src/kernel/mail/mail-queue.ts MailQueue.settle': 'it grants nothing, and writes only what became of a mail',
}

/** The functions outside of classes that write rights, directly or by another function of the list. */
function functionsThatWrite(sources: readonly Source[]): ReadonlySet<string> {
  const functions = sources.flatMap(({ file, text }) => parsed(file, text).statements.filter(ts.isFunctionDeclaration))
  return closed(functions, isWriteOfRights, (call, names) => names.has(call.expression.getText()))
}

/** The public methods of a file that write rights, directly or by a function or a method, and call none of `LOCKS`. */
function writersWithoutActor({ file, text }: Source, functions: ReadonlySet<string> = new Set()): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isClassDeclaration(node)) found.push(...ofClass(file, node, functions))
    ts.forEachChild(node, visit)
  }
  visit(parsed(file, text))
  return found
}

function ofClass(file: string, node: ts.ClassDeclaration, functions: ReadonlySet<string>): string[] {
  const methods = node.members.filter(ts.isMethodDeclaration)
  const writes = (call: ts.CallExpression) => isWriteOfRights(call) || functions.has(call.expression.getText())
  const locks = (call: ts.CallExpression) => LOCKS.includes(call.expression.getText())
  const writing = closed(methods, writes, callsOwn)
  const locking = closed(methods, locks, callsOwn)
  return methods
    .filter((method) => writing.has(nameOf(method)) && !locking.has(nameOf(method)) && !isHidden(method))
    .map((method) => `${file} ${node.name?.text}.${nameOf(method)}`)
}

function parsed(file: string, text: string): ts.SourceFile {
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
}

/** The names of those that make a call, directly or by one that makes it. */
function closed(
  all: readonly (ts.MethodDeclaration | ts.FunctionDeclaration)[],
  is: (call: ts.CallExpression) => boolean,
  reaches: (call: ts.CallExpression, names: ReadonlySet<string>) => boolean,
): ReadonlySet<string> {
  const found = new Set(all.filter((each) => calls(each, is)).map(nameOf))
  for (let count = -1; count !== found.size; ) {
    count = found.size
    for (const each of all) if (calls(each, (call) => reaches(call, found))) found.add(nameOf(each))
  }
  return found
}

function calls(node: ts.Node, is: (call: ts.CallExpression) => boolean): boolean {
  if (ts.isCallExpression(node) && is(node)) return true
  return ts.forEachChild(node, (child) => calls(child, is) || undefined) ?? false
}

function isWriteOfRights({ expression, arguments: [table] }: ts.CallExpression): boolean {
  if (!ts.isPropertyAccessExpression(expression) || table === undefined) return false
  return WRITES.includes(expression.name.text) && TABLES.includes(table.getText())
}

function callsOwn({ expression }: ts.CallExpression, names: ReadonlySet<string>): boolean {
  return (
    ts.isPropertyAccessExpression(expression) &&
    expression.expression.kind === ts.SyntaxKind.ThisKeyword &&
    names.has(expression.name.text)
  )
}

function isHidden(method: ts.MethodDeclaration): boolean {
  return (ts.getModifiers(method) ?? []).some(({ kind }) =>
    [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword].includes(kind),
  )
}

function nameOf(each: ts.MethodDeclaration | ts.FunctionDeclaration): string {
  return each.name?.getText() ?? ''
}

// A writer that trusts what the request read before the lock grants rights that its actor has already lost.
t.test(
  'each public method that writes rights reads the actor again under the lock, or is listed with a reason',
  async (t) => {
    const functions = functionsThatWrite(product)
    t.ok(functions.has('insertKey') && functions.has('revokeSessionsOf'), 'functions outside of classes')
    const found = product.flatMap((source) => writersWithoutActor(source, functions))
    t.same(found.sort(), Object.keys(WITHOUT_ACTOR).sort())
  },
)

t.test('the guard finds a planted writer, and a planted writer behind a private method', async (t) => {
  const planted = (body: string) => writersWithoutActor({ file: 'planted.ts', text: `class Writer { ${body} }` })
  const write = 'await this.scope.queries.insert(overrides).values({})'
  t.same(planted(`async give() { ${write} }`), ['planted.ts Writer.give'])
  t.same(planted(`async give() { await this.put() } private async put() { ${write} }`), ['planted.ts Writer.give'])
  t.same(planted(`async give() { const actor = await lockActor(this.scope, 't', []); ${write} }`), [])
  t.same(planted('async give() { await this.scope.queries.insert(customers).values({}) }'), [])
  t.same(planted(`async give() { await this.lock(); ${write} } private async lock() { await lockSelf(s, 'u') }`), [])
  const text = `async function put(scope) { ${write} } async function putAll(scope) { await put(scope) }`
  const functions = functionsThatWrite([{ file: 'planted.ts', text }])
  const behind = 'class Writer { async give() { await putAll(this.scope) } }'
  t.same(writersWithoutActor({ file: 'planted.ts', text: behind }, functions), ['planted.ts Writer.give'])
})

/** The files that make an actor, and why. */
const ACTORS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  previewActor: {
    'src/kernel/authz/actor.ts': 'defines it',
    'src/features/roles/store.ts': 'previews a change of a role, and changes nothing',
  },
  findActor: {
    'src/kernel/authz/actor.ts': 'defines it',
    'src/features/invitations/received/reader.ts': 'the inviter, when the invitation is shown or accepted',
    'src/features/members/own/store.ts': 'the inviter, when the membership is accepted',
    'src/kernel/authz/unbacked-offers.ts': 'the inviters, after a change of rights',
  },
}

t.test('only one file converts holdings to an actor', async (t) => {
  t.same(
    product.filter(({ text }) => /\bas (unknown as )?Actor\b/.test(text)).map(({ file }) => file),
    ['src/kernel/authz/actor.ts'],
  )
  for (const [name, users] of Object.entries(ACTORS))
    t.same(filesThatUse(name, product), Object.keys(users).sort(), name)
})
