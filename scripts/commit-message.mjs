#!/usr/bin/env node
// Checks the first line of a commit message: `type(scope): one rule`, with a scope of the closed list.
// Usage: node scripts/commit-message.mjs FILE   as git calls its hook commit-msg
//        node scripts/commit-message.mjs -      each line of standard input is a first line
import { readdirSync, readFileSync } from 'node:fs'

const SUBJECT = /^(?:feat|fix|perf|refactor|test|docs|chore)(?:\(([^)]+)\))?!?: \S.*$/
/** Subjects that git writes itself, and those of commits that a rebase will squash. */
const WRITTEN_BY_GIT = /^(?:Merge|Revert|fixup!|squash!|amend!) /
const FOLDERS = ['src', 'src/kernel', 'src/features', 'src/app', 'test']

const allowed = scopes()
const [file = '-'] = process.argv.slice(2)
const lines = readFileSync(file === '-' ? 0 : file, 'utf8').split('\n')
const subjects = file === '-' ? lines.filter((line) => line !== '') : lines.slice(0, 1)
for (const subject of subjects) {
  const mistake = mistakeIn(subject)
  if (mistake === undefined) continue
  console.error(`"${subject}": ${mistake}`)
  process.exitCode = 1
}

/** The allowed scopes: folders of the project, and the table of docs/contributing.md. */
function scopes() {
  const folders = FOLDERS.flatMap((folder) => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  const page = readFileSync('docs/contributing.md', 'utf8')
  const section = page.slice(page.indexOf('\n## Commits\n'), page.indexOf('\n## Documentation\n'))
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
  return new Set([...folders, ...listed])
}

/** Returns what is wrong with a first line. Undefined if it is correct. */
function mistakeIn(subject) {
  if (WRITTEN_BY_GIT.test(subject)) return undefined
  const match = SUBJECT.exec(subject)
  if (match === null) return 'must be "type(scope): one rule"'
  const unknown = (match[1]?.split(',') ?? []).filter((scope) => !allowed.has(scope))
  if (unknown.length === 0) return undefined
  return `unknown scope ${unknown.join(', ')}; docs/contributing.md lists the scopes`
}
