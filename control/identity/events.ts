import { Counter, type Registry } from 'prom-client'
import type { Log } from '../../runtime/log.ts'
import type { Written } from './token-files.ts'

/** What happens around identity, by name: each event is a metric, a log line, or both. No secret passes here but the first admin token, once. */
export interface IdentityEvents {
  issued(
    issued: { service: string; spiffeId: string; proof: string; serial: string; notAfterMs: number },
    renewal: boolean,
  ): void
  /** A request for a certificate that was not granted. */
  certificateRefused(why: string, reason: string, peer: string | undefined): void
  tokenUsed(id: string, service: string): void
  /** Somebody was turned away at the door of a route. */
  proofFailed(why: string, reason: string, peer: string | undefined): void
  limited(peer: string | undefined): void
  rootMade(fingerprint: string): void
  rotated(step: string, why: string, leftBehind: readonly string[]): void
  /** A step could not be written down: it is tried again. */
  rotationStuck(reason: string): void
  locked(reason: string, hint: string): void
  ownCertificate(notAfterMs: number): void
  ownCertificateFailed(reason: string): void
  handshakeFailed(reason: string): void
  connectionDropped(why: string): void
  audited(entry: { who: string; from: string; what: string; detail: string; outcome: string; reason: string }): void
  auditLost(reason: string): void
  doorsOpen(): void
  /** A file that is to hold a token was looked at. */
  tokenFile(path: string, kind: string, written: Written): void
}

export function identityEvents(log: Log, registry: Registry): IdentityEvents {
  const count = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `trimtab_control_${name}`, help, labelNames, registers: [registry] })
  const issuedTotal = count('certificates_issued_total', 'Certificates issued to proxies', ['service', 'proof'])
  const refusedTotal = count('certificates_refused_total', 'Requests for a certificate that were refused, by why', [
    'why',
  ])
  const tokensUsed = count('join_tokens_used_total', 'Certificates that were issued on a join token')
  const failures = count('auth_failures_total', 'Requests that were turned away at the door, by why', ['why'])
  const limitedTotal = count('auth_limited_total', 'Requests not looked at: their address had failed too often')
  const handshakes = count('tls_handshake_failures_total', 'TLS handshakes that failed')
  const dropped = count('connections_dropped_total', 'Connections given up before their first byte, by why', ['why'])
  const audits = count('audit_entries_total', 'Changes that were asked for, by outcome', ['outcome'])
  const auditsLost = count('audit_lost_total', 'Audit entries that the disk refused; they stand in the log only')
  const rotations = count('root_rotations_total', 'Steps of root rotations', ['step'])

  return {
    issued({ service, spiffeId, proof, serial, notAfterMs }, renewal) {
      issuedTotal.inc({ service, proof: proof.split(' ')[0]! })
      log[renewal ? 'debug' : 'info'](
        { service, serial, proof, until: new Date(notAfterMs).toISOString() },
        `certificate issued for ${spiffeId}`,
      )
    },
    certificateRefused(why, reason, peer) {
      refusedTotal.inc({ why })
      log.warn({ why, peer }, `no certificate: ${reason}`)
    },
    tokenUsed(id, service) {
      tokensUsed.inc()
      log.debug({ token: id, service }, 'join token used')
    },
    proofFailed(why, reason, peer) {
      failures.inc({ why })
      log.warn({ why, peer }, `not let in: ${reason}`)
    },
    limited(peer) {
      limitedTotal.inc()
      log.debug({ peer }, 'not looked at: too many failures from this address')
    },
    rootMade: fingerprint =>
      log.info({ fingerprint }, 'a root was made for this mesh: back up the state and its key together'),
    rotated(step, why, leftBehind) {
      rotations.inc({ step })
      log[leftBehind.length > 0 ? 'warn' : 'info'](
        { step, leftBehind: leftBehind.slice(0, 50) },
        `root rotation: ${why}`,
      )
    },
    rotationStuck: reason => log.error(`root rotation: the next step cannot be written, it is tried again: ${reason}`),
    locked: (reason, hint) => log.error(`no certificate can be issued: ${reason}. ${hint}`),
    ownCertificate: notAfterMs =>
      log.debug({ until: new Date(notAfterMs).toISOString() }, 'own TLS certificate renewed'),
    ownCertificateFailed: reason => log.error(`control's own TLS certificate cannot be renewed: ${reason}`),
    handshakeFailed(reason) {
      handshakes.inc()
      log.debug(`a TLS handshake failed: ${reason}`)
    },
    connectionDropped: why => dropped.inc({ why }),
    audited({ who, from, what, detail, outcome, reason }) {
      audits.inc({ outcome })
      log.info(
        { audit: true, who, from, what, detail, outcome },
        `${outcome}: ${what} by ${who}${reason === '' ? '' : `: ${reason}`}`,
      )
    },
    auditLost(reason) {
      auditsLost.inc()
      log.error(`the audit entry above is in this log only: ${reason}`)
    },
    tokenFile(path, kind, written) {
      if (written.status === 'failed')
        log.error({ path }, `the file for a token (${kind}) cannot be kept: ${written.reason}`)
      if (written.status !== 'written') return
      if (kind === 'admin')
        // Said this once, for whoever starts control and reads nothing but its log.
        log.warn({ path, token: written.id }, `admin token, also in ${path}: ${written.text}`)
      else log.info({ path, token: written.id }, `${path} holds a token (${kind})`)
    },
    doorsOpen: () =>
      log.warn(
        'the doors are open to this machine (--doors open-loopback): whoever can connect from it may change everything',
      ),
  }
}
