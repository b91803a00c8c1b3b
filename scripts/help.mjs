// Prints what each command of the project does: `npm run help`.
// A test compares this list with "scripts" of package.json, so both name the same commands.
const COMMANDS = {
  'Use it': {
    start: 'builds, then starts the gateway',
    'demo:upstream': 'starts an example service with the gateway in front of it; scripts/curl/upstream.sh tries it',
    migrate: 'migrates DATABASE_URL as its owner, or the embedded database in DATA_DIR',
    operator: '-- create --email ADDRESS creates an operator; -- signing-key prints a key for JWT_SIGNING_KEYS',
    upstreams: '-- check FILE reports whether FILE can be UPSTREAMS_FILE',
    audit: '-- verify FILE checks an export of audit events without the gateway',
  },
  'Change it': {
    dev: 'starts from the sources, and restarts after each change',
    build: 'compiles the gateway and the console to dist',
    test: 'compiles and runs the tests; words after -- select files by their path',
    'test:all': 'also runs the tests that start processes or load the machine',
    'test:coverage': 'the same, and reports the lines that no test ran',
    'test:browser': 'runs the tests in Chromium: CHROMIUM, or /usr/bin/chromium',
    'test:foreign': 'runs the tests that need nginx',
    typecheck: 'checks the types of sources, tests, scripts and the console',
    lint: 'checks format, unused code, the contract and the migrations',
    openapi: 'writes openapi.yaml from the routes; -- --check compares it instead',
    bench: 'compares with a bare server on PostgreSQL; -- all, or names, run other suites',
    help: 'prints this list',
  },
}

const WITHOUT_RUN = new Set(['start', 'test'])
const written = (name) => `npm ${WITHOUT_RUN.has(name) ? name : `run ${name}`}`
const width = Math.max(
  ...Object.values(COMMANDS).flatMap((group) => Object.keys(group).map((name) => written(name).length)),
)

for (const [title, group] of Object.entries(COMMANDS)) {
  console.log(`${title}:`)
  for (const [name, text] of Object.entries(group)) console.log(`  ${written(name).padEnd(width)}  ${text}`)
  console.log()
}
console.log('docs/contributing.md explains how to change the project, docs/operations.md how to run it.')
