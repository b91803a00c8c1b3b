import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort, until } from '../process/gateway-process.js'

export interface Nginx {
  readonly origin: string
  /** The access log: a line for each request, with the credential headers that arrived. */
  log(): string[]
  /** Replaces the workers, as a new configuration does. The old workers first finish their responses. */
  reload(): void
}

/** The contents of the served files, by path. */
export type Files = Readonly<Record<string, string | Buffer>>

/**
 * Starts nginx of Debian with directory listings, compression, and connections that it closes after 20 requests.
 * @throws if there is no nginx, so that no test is skipped
 */
export async function startNginx(t: Test, files: Files): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-nginx-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, 'www', path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, content)
  }
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configurationOf(folder, port))
  const nginx = spawn('nginx', ['-p', folder, '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  nginx.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const failed = once(nginx, 'error').then(([error]) => Promise.reject(new Error('nginx is needed', { cause: error })))
  const exit = once(nginx, 'exit')
  t.teardown(async () => {
    nginx.kill('SIGTERM')
    await exit
  })
  const origin = `http://127.0.0.1:${port}`
  const answers = until(async () => {
    if (nginx.exitCode !== null) throw new Error(`nginx ended: ${said}`)
    return (await fetch(`${origin}/ready`).catch(() => undefined))?.status === 404
  })
  await Promise.race([answers, failed])
  return {
    origin,
    log: () => readFileSync(join(folder, 'access.log'), 'utf8').trim().split('\n'),
    reload: () => void nginx.kill('SIGHUP'),
  }
}

function configurationOf(folder: string, port: string): string {
  return `
daemon off;
user root;
worker_processes 2;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 256; }
http {
  types { text/html html; text/plain txt; application/octet-stream bin; }
  log_format told '$request_method $request_uri $status "$http_authorization" "$http_x_tenant_api_key" "$http_x_gatehouse_tenant"';
  access_log ${folder}/access.log told;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 20;
  gzip on;
  gzip_proxied any;
  gzip_types text/plain;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/www;
    autoindex on;
  }
}
`
}
