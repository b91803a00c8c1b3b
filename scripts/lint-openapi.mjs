// Lints openapi.yaml by the rules of redocly.yaml. The linter sends no telemetry and does not look for new releases.
import { spawnSync } from 'node:child_process'

const { status, stdout, stderr } = spawnSync(
  process.execPath,
  ['node_modules/@redocly/cli/bin/cli.js', 'lint', 'openapi.yaml', '--format=stylish'],
  {
    encoding: 'utf8',
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' },
  },
)
const is_clean = status === 0 && !/\bwarning/i.test(stdout)
if (is_clean) process.stdout.write('openapi.yaml: no complaints\n')
else {
  process.stdout.write(stdout)
  process.stderr.write(stderr)
}
process.exitCode = is_clean ? 0 : 1
