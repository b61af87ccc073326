import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'

/** Key and certificate for `localhost` that live for a day, signed by themselves; undefined where there is no openssl to make them. */
export function localhostCertificate(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-tls-`)
  try {
    const made = ['-keyout', `${folder}/key.pem`, '-out', `${folder}/cert.pem`, '-days', '1', '-nodes']
    const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync('openssl', ['req', ...kind, ...made, ...named], { stdio: 'ignore' })
    return { key: readFileSync(`${folder}/key.pem`, 'utf8'), cert: readFileSync(`${folder}/cert.pem`, 'utf8') }
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}
