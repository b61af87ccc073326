import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Expense } from '../wire/expense.ts'
import type { ExpenseAnswer } from './expense-client.ts'

export type Outcome<T> =
  | { status: 'understood'; value: T }
  | { status: 'failed'; code: 404 | 502 | 503 | 504; error: string; message: string }

const Expenses = Compile(Type.Array(Expense, { minItems: 1 }))
const QUOTE_CHARS_MAX = 200

/** The trip's expenses, or what report has to say instead. */
export function readExpenses(answer: ExpenseAnswer): Outcome<Expense[]> {
  const text = readText(answer)
  if (text.status === 'failed') return text
  const value = parseJson(text.value)
  if (Expenses.Check(value)) return { status: 'understood', value }
  return {
    status: 'failed',
    code: 502,
    error: 'expense-not-understood',
    message: `expense answered 200 with ${quote(text.value)}`,
  }
}

/** The body of a 200. expense's own 404 stays a 404 and its 503 a 503; whatever else goes wrong behind is a 502 or 504. */
export function readText(answer: ExpenseAnswer): Outcome<string> {
  if (answer.status === 'failed') {
    const code = answer.reason === 'timeout' ? 504 : answer.reason === 'saturated' ? 503 : 502
    return { status: 'failed', code, error: `expense-${answer.reason}`, message: answer.message }
  }
  if (answer.code === 200) return { status: 'understood', value: answer.body }
  const code = answer.code === 404 || answer.code === 503 ? answer.code : 502
  return {
    status: 'failed',
    code,
    error: 'expense-failed',
    message: `expense answered ${answer.code}: ${quote(answer.body)}`,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function quote(text: string): string {
  return text.length > QUOTE_CHARS_MAX ? `${text.slice(0, QUOTE_CHARS_MAX)} ...` : text.trim() || 'an empty body'
}
