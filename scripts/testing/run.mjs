// Runs compiled test files in groups, each group in a process of its own, and says in TAP how they went.
// Usage: node scripts/testing/run.mjs FILE...
import { dirname } from 'node:path'
import t from 'tap'
import { ALONE, FILE_MS_MAX, GROUP_FILES_MAX, JOBS, QUIET } from './limits.mjs'

const all = process.argv.slice(2)
t.setTimeout(0)
for (const file of all.filter((file) => isOf(QUIET, file))) await start([file])
t.jobs = JOBS
for (const files of groupsOf(all.filter((file) => !isOf(QUIET, file)))) void start(files)

function start(files) {
  const name = files.length === 1 ? files[0] : `${dirname(files[0])}: ${files.length} files`
  // By the environment, because tap names folders after the words of a command, and a name has an end.
  const env = { ...process.env, TEST_FILES: files.join(':') }
  // tap puts a loader into NODE_OPTIONS of whatever it spawns, which slows every import down, and takes coverage away.
  const words = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', '.build/test/runner/worker.js']
  return t.spawn('env', words, { env, timeout: files.length * FILE_MS_MAX, buffered: true }, name)
}

/** Files of one folder share a process. Those that have one to themselves come first: they take the longest. */
function groupsOf(files) {
  const groups = []
  for (const file of files.filter((file) => !isOf(ALONE, file))) {
    const last = groups.at(-1)
    const fits = last !== undefined && last.length < GROUP_FILES_MAX && dirname(last[0]) === dirname(file)
    if (fits) last.push(file)
    else groups.push([file])
  }
  return [...files.filter((file) => isOf(ALONE, file)).map((file) => [file]), ...groups]
}

function isOf(parts, file) {
  return parts.some((part) => file.includes(part))
}
