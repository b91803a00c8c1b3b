import { t } from '../helpers/t.js'
import { openDecisions, openDecisionsBelow } from './kinds.js'

// A new kind of principal compiled, and every place that compared kinds took it for a user or for a key.
t.test('every decision by a kind of principal, actor or author is a switch that ends in unreachable', (t) => {
  t.same(openDecisionsBelow('src'), [])
  t.end()
})

t.test('a planted decision is found: a comparison, a negation, a column, and an open switch', (t) => {
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
