/** Names a column's value in a statement: `{name:Type}`. Values never enter the text of a statement. */
export type Parameters = Record<string, string | number | boolean | readonly string[]>

/** `refused`: the content is at fault, trying again would not help. `away`: the engine, its tables or the way to it are. */
export type Failed = { status: 'refused' | 'away'; reason: string }
export type Done = { status: 'ok' } | Failed
export type Asked<Row> = { status: 'ok'; rows: Row[] } | Failed

export interface TableInsert {
  /** `database.table`. */
  table: string
  /** JSON lines. */
  rows: Buffer
  /** Rows that were stored under the same token are not stored again. */
  token: string
}

/** A ClickHouse, wherever it runs. Nothing here throws. */
export interface Store {
  insert(insert: TableInsert): Promise<Done>
  query<Row>(sql: string, parameters?: Parameters): Promise<Asked<Row>>
  command(sql: string): Promise<Done>
  close(): Promise<void>
}

/** Applies to every insert: unknown fields of a newer writer are left out, times are read as people write them. */
export const insertSettings = {
  input_format_skip_unknown_fields: 1,
  date_time_input_format: 'best_effort',
  max_partitions_per_insert_block: '1000',
} as const

/** ClickHouse's numbers for errors that the inserted rows are to blame for: text that is no number, no JSON, too large and so on. */
const CONTENT_ERRORS = new Set([6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 349, 441, 691])

/** What a failure of the client or the engine means. */
export function failureOf(error: unknown): Failed {
  const { code, type, message } = error as { code?: string | number; type?: string; message?: string }
  const number = Number(code)
  // The client takes the error's name out of its text: it is what a person looks up, and what storage.ts knows errors by.
  const reason = `ClickHouse: ${(message ?? String(error)).slice(0, 500)}${type === undefined ? '' : ` (${type})`}`
  return { status: CONTENT_ERRORS.has(number) ? 'refused' : 'away', reason }
}

/** Rows of an answer in JSONEachRow. */
export function parseRows<Row>(text: string): Row[] {
  const rows: Row[] = []
  for (const line of text.split('\n')) if (line !== '') rows.push(JSON.parse(line) as Row)
  return rows
}
