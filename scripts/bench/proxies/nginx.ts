import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Server, start } from '../servers.js'

/** Starts nginx as a plain proxy: one worker, kept connections to the origin, no access log. */
export async function startNginx(origin: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configurationOf(folder, port, new URL(origin).host))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    const server = await start(`http://127.0.0.1:${port}`, '/', ['-p', folder, '-c', file], {}, { command: 'nginx' })
    return {
      ...server,
      async close() {
        await server.close()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw new Error('nginx does not start; on Debian: apt-get install -y nginx', { cause: error })
  }
}

function configurationOf(folder: string, port: number, host: string): string {
  // Without a master process there is only one process, which can be pinned to a core.
  return `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  upstream origin { server ${host}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}
