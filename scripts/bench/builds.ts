import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Builds a commit in a folder of its own. It uses the installed packages, so they must include those of the commit.
 *
 * @returns the path of the compiled gateway
 */
export function buildCommit(commit: string) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const close = async () => rmSync(folder, { recursive: true, force: true })
  try {
    const archive = execFileSync('git', ['archive', commit], { maxBuffer: 256 * 1024 * 1024 })
    execFileSync('tar', ['-x', '-C', folder], { input: archive })
    symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: folder })
    return { program: join(folder, 'dist', 'main.js'), close }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
