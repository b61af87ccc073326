import { writeFileSync } from 'node:fs'
import { type Measured, start } from '../support/process.ts'

/** 100-byte answers over HTTP/2 in clear text, whatever the query, at path /trip. */
export async function nghttpd(program: string, folder: string, core: number, port: number): Promise<Measured> {
  writeFileSync(`${folder}/trip`, '0123456789'.repeat(10))
  return start([program, '--no-tls', '-d', folder, '--address', '127.0.0.1', String(port)], {
    core,
    ready: { host: '127.0.0.1', port },
  })
}

/** nghttpx as a bare proxy, one worker, HTTP/2 in clear text on both sides. */
export async function nghttpx(
  program: string,
  core: number,
  { port, upstream }: { port: number; upstream: number },
): Promise<Measured> {
  const front = `--frontend=127.0.0.1,${port};no-tls`
  const back = `--backend=127.0.0.1,${upstream};;proto=h2`
  return start([program, front, back, '--workers=1', '--accesslog-file=/dev/null', '--conf=/dev/null'], {
    core,
    ready: { host: '127.0.0.1', port },
  })
}
