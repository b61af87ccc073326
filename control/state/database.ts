import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Applied in order, each once; what stands here is never edited, only added to. */
const migrations: readonly string[] = [
  `CREATE TABLE decision (id INTEGER PRIMARY KEY, service TEXT NOT NULL, json TEXT NOT NULL) STRICT;
   CREATE INDEX decision_by_service ON decision (service, id);
   CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE instance (id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;`,
  `CREATE TABLE root (fingerprint TEXT PRIMARY KEY, certificate TEXT NOT NULL, key TEXT NOT NULL, cross_certificate TEXT NOT NULL, leaves_until_ms INTEGER NOT NULL) STRICT;
   CREATE TABLE token (id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
   CREATE TABLE certificate (serial TEXT PRIMARY KEY, service TEXT NOT NULL, instance TEXT, issuer TEXT NOT NULL, not_after_ms INTEGER NOT NULL, proof TEXT NOT NULL, peer TEXT NOT NULL) STRICT;
   CREATE INDEX certificate_by_end ON certificate (not_after_ms);
   CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;`,
]

/**
 * Opens control's state in `directory`, creating or migrating it. Throws with what to do when it cannot be read: to start without
 * it would give traffic back to versions that were judged bad, while proxies go on well with their last snapshot.
 */
export function openDatabase(directory: string): DatabaseSync {
  const file = join(directory, 'control.db')
  try {
    mkdirSync(directory, { recursive: true })
    const database = new DatabaseSync(file, { timeout: 100 })
    // WAL: a kill -9 loses nothing that was committed; readers do not wait for the writer.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;')
    migrate(database)
    return database
  } catch (error) {
    throw new Error(
      `control's state ${file} cannot be opened: ${(error as Error).message}. Free or repair the disk; or move the file away to begin with the mesh file's weights`,
      { cause: error },
    )
  }
}

function migrate(database: DatabaseSync): void {
  const { user_version: at } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (at > migrations.length)
    throw new Error(
      `it was written by a newer release (schema ${at}, this one knows ${migrations.length}): upgrade control`,
    )
  for (let step = at; step < migrations.length; step++) {
    inTransaction(database, () => {
      database.exec(migrations[step]!)
      database.exec(`PRAGMA user_version = ${step + 1}`)
    })
  }
}

/** All or nothing. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    // SQLite may have rolled back by itself, as it does on a full disk.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
