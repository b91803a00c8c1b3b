import { t } from '../helpers/t.js'
import { openDecisions, openDecisionsBelow } from './kinds.js'

// When a new kind of principal was added, the code compiled, but comparisons of kinds treated it as a user or a key.
t.test('every decision by a kind of principal, actor or author is a switch that ends in unreachable', (t) => {
  t.same(openDecisionsBelow('src'), [])
  t.end()
})

t.test('the guard finds a planted comparison, negation, column and switch without unreachable', (t) => {
  for (const planted of [
    "principal.kind === 'key' ? 'moderator' : 'none'",
    "if (kind !== 'user') throw error",
    "rows.filter((row) => row.author_kind === 'customer')",
    "switch (actor.kind) { case 'user': return id; default: return null }",
    "switch (actor.kind) { case 'user': return id }",
  ]) {
    t.equal(openDecisions('planted.ts', planted).length, 1, planted)
  }
  for (const allowed of [
    "access.kind === 'operator'",
    "event.kind === 'chat_message'",
    "switch (kind) { case 'user': return id; default: return unreachable(kind) }",
  ]) {
    t.same(openDecisions('allowed.ts', allowed), [], allowed)
  }
  t.end()
})
