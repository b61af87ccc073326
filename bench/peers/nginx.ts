import { mkdirSync, writeFileSync } from 'node:fs'
import { type Measured, start } from '../support/process.ts'

const body = '0123456789'.repeat(10)
const http =
  'access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;'

function config(name: string, servers: string): string {
  return `daemon off; master_process off; pid ${name}.pid; error_log stderr crit;\nevents { worker_connections 16384; }\nhttp { ${http}\n${servers}\n}\n`
}

/** 100-byte answers on each port, and 202 for whatever is posted to `sinkPort`. */
export async function nginxBackend(
  program: string,
  folder: string,
  core: number,
  ports: readonly number[],
  sinkPort: number,
): Promise<Measured> {
  const listens = ports.map(port => `listen 127.0.0.1:${port} backlog=4096;`).join(' ')
  const answers = `server { ${listens} location / { default_type text/plain; return 200 "${body}"; } }`
  const sink = `server { listen 127.0.0.1:${sinkPort} backlog=4096; client_max_body_size 64m; client_body_buffer_size 1m; location / { return 202; } }`
  return run(program, folder, 'backend', core, `${answers}\n${sink}`, sinkPort)
}

/** nginx as a bare proxy: no feature but keep-alive to the upstream. */
export async function nginxProxy(
  program: string,
  folder: string,
  core: number,
  port: number,
  upstream: number,
): Promise<Measured> {
  const servers = `upstream plain { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_pass http://plain; } }`
  return run(program, folder, 'proxy', core, servers, port)
}

export interface TlsFiles {
  ca: string
  cert: string
  key: string
}

/** Two of it, bare, with mTLS between them: the first is called in clear text, the second calls \`upstream\`. */
export async function nginxPair(
  program: string,
  folder: string,
  core: number,
  ports: { out: number; in: number; upstream: number },
  files: { out: TlsFiles; in: TlsFiles; name: string },
): Promise<[calling: Measured, called: Measured]> {
  const keep = 'keepalive 64; keepalive_requests 1000000000;'
  const pass = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;'
  const proof = `ssl_certificate ${files.in.cert}; ssl_certificate_key ${files.in.key}; ssl_client_certificate ${files.in.ca}; ssl_verify_client on; ssl_protocols TLSv1.3; ssl_session_cache shared:pair:10m; ssl_session_tickets on;`
  const taken = `upstream plain { server 127.0.0.1:${ports.upstream}; ${keep} }
  server { listen 127.0.0.1:${ports.in} ssl backlog=4096; ${proof} location / { ${pass} proxy_pass http://plain; } }`
  const shown = `proxy_ssl_certificate ${files.out.cert}; proxy_ssl_certificate_key ${files.out.key}; proxy_ssl_trusted_certificate ${files.out.ca}; proxy_ssl_verify on; proxy_ssl_name ${files.name}; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;`
  const given = `upstream secure { server 127.0.0.1:${ports.in}; ${keep} }
  server { listen 127.0.0.1:${ports.out} backlog=4096; location / { ${pass} ${shown} proxy_pass https://secure; } }`
  const called = await run(program, folder, 'pair-in', core, taken, ports.in)
  return [await run(program, folder, 'pair-out', core, given, ports.out), called]
}

async function run(
  program: string,
  folder: string,
  name: string,
  core: number,
  servers: string,
  port: number,
): Promise<Measured> {
  mkdirSync(`${folder}/tmp`, { recursive: true })
  writeFileSync(`${folder}/${name}.conf`, config(name, servers))
  return start([program, '-p', folder, '-c', `${folder}/${name}.conf`], { core, ready: { host: '127.0.0.1', port } })
}
