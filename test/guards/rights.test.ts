import ts from 'typescript'
import { t } from '../helpers/t.js'
import { filesThatUse, type Source, sourcesOf } from './names-used.js'

const product = sourcesOf(['src'])

/** The tables whose rows are rights in a tenant or on the platform. */
const TABLES = [
  'memberships',
  'membership_roles',
  'overrides',
  'roles',
  'invitations',
  'invitation_roles',
  'tenant_keys',
  'operators',
]
const LOCKS = ['lockActor', 'lockOperator']
const WRITES = ['insert', 'update', 'delete']

/** The public methods that write rights without one of `LOCKS`, each with the reason. */
const WITHOUT_ACTOR: Readonly<Record<string, string>> = {
  'src/features/invitations/store.ts InvitationsWriter.revoke': 'it grants nothing',
  'src/features/keys/store.ts KeysWriter.revoke': 'it grants nothing, and a key must have its current secret',
  'src/features/invitations/received/store.ts ReceivedInvitationsWriter.accept':
    'the inviter is the actor, whose holdings it reads under the lock',
  'src/features/invitations/received/store.ts ReceivedInvitationsWriter.decline': 'it grants nothing',
  'src/features/platform/tenants/store.ts PlatformTenantsWriter.lockDown': 'it grants nothing',
  'src/features/tenants/store.ts TenantsWriter.create': 'the tenant is new, and has no actor yet',
}

/** The public methods of a file that write rights, directly or by a method of the same class, and call none of `LOCKS`. */
function writersWithoutActor({ file, text }: Source): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isClassDeclaration(node)) found.push(...ofClass(file, node))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function ofClass(file: string, node: ts.ClassDeclaration): string[] {
  const methods = node.members.filter(ts.isMethodDeclaration)
  const writing = new Set(methods.filter((method) => calls(method, isWriteOfRights)).map(nameOf))
  for (let count = -1; count !== writing.size; ) {
    count = writing.size
    for (const method of methods) if (calls(method, (call) => callsOwn(call, writing))) writing.add(nameOf(method))
  }
  return methods
    .filter((method) => writing.has(nameOf(method)) && !isHidden(method))
    .filter((method) => !calls(method, (call) => LOCKS.includes(call.expression.getText())))
    .map((method) => `${file} ${node.name?.text}.${nameOf(method)}`)
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

function nameOf(method: ts.MethodDeclaration): string {
  return method.name.getText()
}

// A writer that trusts what the request read before the lock grants rights that its actor has already lost.
t.test(
  'each public method that writes rights reads the actor again under the lock, or is listed with a reason',
  async (t) => {
    t.same(product.flatMap(writersWithoutActor).sort(), Object.keys(WITHOUT_ACTOR).sort())
  },
)

t.test('the guard finds a planted writer, and a planted writer behind a private method', async (t) => {
  const planted = (body: string) => writersWithoutActor({ file: 'planted.ts', text: `class Writer { ${body} }` })
  const write = 'await this.scope.queries.insert(overrides).values({})'
  t.same(planted(`async give() { ${write} }`), ['planted.ts Writer.give'])
  t.same(planted(`async give() { await this.put() } private async put() { ${write} }`), ['planted.ts Writer.give'])
  t.same(planted(`async give() { const actor = await lockActor(this.scope, 't', []); ${write} }`), [])
  t.same(planted('async give() { await this.scope.queries.insert(customers).values({}) }'), [])
})

/** The files that make an actor, and why. */
const ACTORS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  previewActor: {
    'src/kernel/authz/actor.ts': 'defines it',
    'src/features/roles/store.ts': 'previews a change of a role, and changes nothing',
  },
  findActor: {
    'src/kernel/authz/actor.ts': 'defines it',
    'src/features/invitations/received/store.ts': 'the inviter, when the invitation is accepted',
    'src/kernel/authz/unbacked-invitations.ts': 'the inviters, after a change of rights',
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
