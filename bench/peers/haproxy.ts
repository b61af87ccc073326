import { writeFileSync } from 'node:fs'
import { type Measured, start } from '../support/process.ts'

/** HAProxy as a bare proxy, of requests or of TCP. */
export async function haproxy(
  program: string,
  folder: string,
  core: number,
  port: number,
  upstream: number,
  mode: 'http' | 'tcp' = 'http',
): Promise<Measured> {
  const file = `${folder}/haproxy-${mode}.cfg`
  const text = `global
  maxconn 8000
  nbthread 1
defaults
  mode ${mode}
  timeout connect 2s
  timeout client 1h
  timeout server 60s
frontend in
  bind 127.0.0.1:${port} backlog 4096
  default_backend out
backend out
  server b1 127.0.0.1:${upstream}
`
  writeFileSync(file, text)
  return start([program, '-f', file, '-db', '-q'], { core, ready: { host: '127.0.0.1', port } })
}
