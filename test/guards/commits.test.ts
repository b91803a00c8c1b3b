import { spawnSync } from 'node:child_process'
import { t } from '../helpers/t.js'

/** The page with the list of scopes. Commits from before it was added follow other rules. */
const PAGE = 'docs/contributing.md'

t.test('a commit message is refused if its type or its scope is unknown', async (t) => {
  const good = ['feat(keys): a key has a name', 'fix(keys,auth): both', 'refactor: everything', 'feat(api-x)!: no']
  t.equal(check(good.slice(0, 3)), '')
  t.match(check(good), /unknown scope api-x/)
  for (const bad of [
    'Fixed it',
    'feat keys: x',
    'feature(keys): x',
    'feat(keys):',
    'feat(key): x',
    'feat(keys, x): y',
  ]) {
    t.not(check([bad]), '', bad)
  }
  t.equal(check(['fixup! anything', 'Merge branch main']), '')
})

// A commit that only this branch has can still be reworded. All others are history.
t.test('each commit that only this branch has follows the rules', async (t) => {
  const [added] = git('log', '--diff-filter=A', '--format=%H', '--', PAGE).slice(-1)
  const [branch = ''] = git('branch', '--show-current')
  const elsewhere = ['--not', '--remotes', ...(branch === '' ? [] : [`--exclude=${branch}`]), '--branches']
  // In a tarball, or in a clone without history, git returns no commits.
  const subjects = added === undefined ? [] : git('log', '--format=%s', `${added}..HEAD`, ...elsewhere)
  t.equal(check(subjects), '', `${subjects.length} commits`)
})

function check(subjects: readonly string[]): string {
  const input = `${subjects.join('\n')}\n`
  return spawnSync(process.execPath, ['scripts/commit-message.mjs', '-'], { input, encoding: 'utf8' }).stderr
}

function git(...words: readonly string[]): string[] {
  const { status, stdout } = spawnSync('git', words, { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n').filter((line) => line !== '') : []
}
