import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from './database.ts'

/** A root as it is kept: its private key only as encrypted PKCS #8. */
export interface KeptRoot {
  /** SHA-256 of the certificate, hex. */
  fingerprint: string
  /** PEM. */
  certificate: string
  /** PEM, encrypted. */
  key: string
  /** Certified by the root that it takes over from, PEM; so that who knows only that one can follow. '' for a first root. */
  cross: string
  /** No certificate that this root leads to is valid after this; milliseconds since 1970, 0 when none was issued. */
  leavesUntilMs: number
}

/** Somebody's proof: of a proxy that wants to join, or of a person. Of its secret only a hash is kept. */
export interface KeptToken {
  id: string
  kind: 'join' | 'admin' | 'read'
  /** For people to know it again. */
  name: string
  /** SHA-256 of the secret, hex. */
  hash: string
  /** Join tokens: whose certificates it asks for; '*': any service or gateway of the mesh. */
  services: '*' | string[]
  reusable: boolean
  madeMs: number
  madeBy: string
  /** Null: never. */
  expiresMs: number | null
  /** First use, and the SHA-256 (hex) of the key that it was used for. */
  usedMs: number | null
  usedKey: string | null
}

export interface Issued {
  serial: string
  service: string
  /** The proxy that holds it, once its snapshot stream has shown; null before. */
  instance: string | null
  /** Fingerprint of the root. */
  issuer: string
  notAfterMs: number
  /** `token <id>` or `certificate`. */
  proof: string
  peer: string
}

export interface AuditEntry {
  id: number
  /** ISO 8601. */
  time: string
  who: string
  from: string
  what: string
  /** What was asked for, shortened; '' when there is no more to say. */
  detail: string
  outcome: 'done' | 'refused' | 'failed'
  /** Why it was refused; '' when done. */
  reason: string
}

/**
 * What identity must remember. Unlike decisions nothing here may wait in memory: a root, or a token's use, that is not on disk must not
 * count. Writing throws when the disk refuses.
 */
export interface IdentityStore {
  roots(): KeptRoot[]
  /** `rotation`: the state that goes with these roots, as JSON; written together. */
  putRoots(put: readonly KeptRoot[], gone: readonly string[], rotation: string): void
  rotation(): string | undefined
  tokens(): KeptToken[]
  putToken(token: KeptToken): void
  dropToken(id: string): void
  /** Writes a certificate down before it is handed over, in the place of the one that it renews, and what its root now lasts until. */
  issued(issued: Issued, renews: string | undefined): void
  /** Those that are valid, soonest to expire first. */
  certificates(nowMs: number, limit: number): Issued[]
  certificate(serial: string): Issued | undefined
  counts(nowMs: number): { service: string; issuer: string; certificates: number; untilMs: number }[]
  holds(serial: string, instance: string): void
  audit(entry: Omit<AuditEntry, 'id'>): void
  /** Newest first; `before`: only smaller ids. */
  audits(limit: number, before: number): AuditEntry[]
}

export interface IdentityLimits {
  certificatesMax: number
  auditMax: number
}

const ROTATION = 'rotation'

export function identityStore(database: DatabaseSync, { certificatesMax, auditMax }: IdentityLimits): IdentityStore {
  const sql = statements(database)
  let sinceTrim = 0
  /** A power cut must not bring a spent token back, nor lose a root that proxies trust already. */
  const surely = () => database.exec('PRAGMA synchronous = FULL')
  return {
    roots: () => sql.roots.all() as unknown as KeptRoot[],
    putRoots(put, gone, rotation) {
      surely()
      inTransaction(database, () => {
        for (const { fingerprint, certificate, key, cross, leavesUntilMs } of put)
          sql.putRoot.run(fingerprint, certificate, key, cross, leavesUntilMs)
        for (const fingerprint of gone) sql.dropRoot.run(fingerprint)
        sql.keep.run(ROTATION, rotation)
      })
    },
    rotation: () => (sql.kept.get(ROTATION) as { value: string } | undefined)?.value,
    tokens: () => sql.tokens.all().map(row => JSON.parse(row['json'] as string) as KeptToken),
    putToken(token) {
      surely()
      sql.putToken.run(token.id, JSON.stringify(token))
    },
    dropToken: id => void sql.dropToken.run(id),
    issued({ serial, service, instance, issuer, notAfterMs, proof, peer }, renews) {
      inTransaction(database, () => {
        if (renews !== undefined) sql.dropCertificate.run(renews)
        sql.putCertificate.run(serial, service, instance, issuer, notAfterMs, proof, peer)
        sql.lasts.run(notAfterMs, issuer)
        if (++sinceTrim <= certificatesMax / 100) return
        sql.trimCertificates.run(certificatesMax)
        sinceTrim = 0
      })
    },
    certificates: (nowMs, limit) => sql.certificates.all(nowMs, limit) as unknown as Issued[],
    certificate: serial => sql.certificate.get(serial) as unknown as Issued | undefined,
    counts: nowMs => sql.counts.all(nowMs) as unknown as ReturnType<IdentityStore['counts']>,
    holds: (serial, instance) => void sql.holds.run(instance, serial),
    audit(entry) {
      const { lastInsertRowid } = sql.putAudit.run(JSON.stringify(entry))
      if (Number(lastInsertRowid) % 100 === 0) sql.trimAudit.run(auditMax)
    },
    audits: (limit, before) =>
      sql.audits.all(before, limit).map(row => ({
        id: row['id'] as number,
        ...(JSON.parse(row['json'] as string) as Omit<AuditEntry, 'id'>),
      })),
  }
}

const certificateColumns = 'serial, service, instance, issuer, not_after_ms AS notAfterMs, proof, peer'

function statements(database: DatabaseSync) {
  return {
    roots: database.prepare(
      'SELECT fingerprint, certificate, key, cross_certificate AS cross, leaves_until_ms AS leavesUntilMs FROM root',
    ),
    putRoot: database.prepare('INSERT OR REPLACE INTO root VALUES (?, ?, ?, ?, ?)'),
    dropRoot: database.prepare('DELETE FROM root WHERE fingerprint = ?'),
    lasts: database.prepare('UPDATE root SET leaves_until_ms = max(leaves_until_ms, ?) WHERE fingerprint = ?'),
    keep: database.prepare('INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)'),
    kept: database.prepare('SELECT value FROM kept WHERE name = ?'),
    tokens: database.prepare('SELECT json FROM token'),
    putToken: database.prepare('INSERT OR REPLACE INTO token (id, json) VALUES (?, ?)'),
    dropToken: database.prepare('DELETE FROM token WHERE id = ?'),
    putCertificate: database.prepare('INSERT OR REPLACE INTO certificate VALUES (?, ?, ?, ?, ?, ?, ?)'),
    dropCertificate: database.prepare('DELETE FROM certificate WHERE serial = ?'),
    trimCertificates: database.prepare(
      'DELETE FROM certificate WHERE serial NOT IN (SELECT serial FROM certificate ORDER BY not_after_ms DESC LIMIT ?)',
    ),
    certificates: database.prepare(
      `SELECT ${certificateColumns} FROM certificate WHERE not_after_ms > ? ORDER BY not_after_ms LIMIT ?`,
    ),
    certificate: database.prepare(`SELECT ${certificateColumns} FROM certificate WHERE serial = ?`),
    counts: database.prepare(
      'SELECT service, issuer, count(*) AS certificates, min(not_after_ms) AS untilMs FROM certificate WHERE not_after_ms > ? GROUP BY service, issuer ORDER BY service, issuer',
    ),
    holds: database.prepare('UPDATE certificate SET instance = ? WHERE serial = ?'),
    putAudit: database.prepare('INSERT INTO audit (json) VALUES (?)'),
    trimAudit: database.prepare('DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?'),
    audits: database.prepare('SELECT id, json FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?'),
  }
}
