import { type Migration, migrations, retentionStatements } from './schema.ts'
import type { Done, Store } from './store.ts'

/** Brings the tables to the newest version: what is missing is applied in order. Safe to repeat, and to repeat after a failure half way. */
export async function migrate(store: Store, database: string, retentionMs: number): Promise<Done> {
  const begun = await runAll(store, [
    `CREATE DATABASE IF NOT EXISTS ${database}`,
    `CREATE TABLE IF NOT EXISTS ${database}.migrations (version UInt32, name String, appliedAt DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY version`,
  ])
  if (begun.status !== 'ok') return begun
  const asked = await store.query<{ version: number }>(`SELECT max(version) AS version FROM ${database}.migrations`)
  if (asked.status !== 'ok') return asked
  const applied = Number(asked.rows[0]?.version ?? 0)
  for (const migration of migrations.filter(({ version }) => version > applied)) {
    const done = await runAll(store, [...migration.statements(database), noteOf(database, migration)])
    if (done.status !== 'ok') return done
  }
  return runAll(store, retentionStatements(database, retentionMs))
}

function noteOf(database: string, { version, name }: Migration): string {
  return `INSERT INTO ${database}.migrations (version, name) VALUES (${version}, '${name}')`
}

async function runAll(store: Store, statements: readonly string[]): Promise<Done> {
  for (const statement of statements) {
    const done = await store.command(statement)
    if (done.status !== 'ok') return { status: done.status, reason: `${done.reason} (in: ${statement.slice(0, 80)})` }
  }
  return { status: 'ok' }
}
