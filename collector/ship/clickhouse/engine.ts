import { type ChildProcess, fork } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../runtime/clock.ts'
import type { EngineEvents } from '../../events-ship.ts'
import { backoffMs } from '../backoff.ts'
import type { EngineAnswer, EngineQuestion } from './engine-messages.ts'
import { type Failed, parseRows, type Store } from './store.ts'

/** A question may take this long; the statements themselves are limited to less. */
const ANSWER_MS_MAX = 60_000
/** An engine that answers nothing at all for this long is ended and begun anew. */
const HANG_MS_MAX = 90_000
const QUESTIONS_MAX = 256

type Outcome = { status: 'ok'; text: string } | Failed
type Question = EngineQuestion extends infer Q ? (Q extends EngineQuestion ? Omit<Q, 'id'> : never) : never

interface EngineOptions {
  directory: string
  memoryBytesMax: number
  clock: Clock
  random: () => number
  events: EngineEvents
}

export type StartedEngine = { status: 'started'; store: Store } | { status: 'absent'; reason: string }

/**
 * Starts the embedded ClickHouse and keeps it up: a process that ends is begun anew with back-off, and what was asked of it
 * meanwhile is answered `away`. `absent`: its library cannot be loaded on this machine.
 */
export async function startEngine(options: EngineOptions): Promise<StartedEngine> {
  await mkdir(options.directory, { recursive: true })
  return new Promise(resolve => {
    const supervisor = superviseEngine(options, loaded =>
      resolve(
        loaded.status === 'absent'
          ? { status: 'absent', reason: loaded.reason }
          : { status: 'started', store: engineStore(supervisor) },
      ),
    )
  })
}

interface Supervisor {
  ask(question: Question): Promise<Outcome>
  close(): Promise<void>
}

function superviseEngine(
  { directory, memoryBytesMax, clock, random, events }: EngineOptions,
  onLoaded: (loaded: { status: 'loaded' } | { status: 'absent'; reason: string }) => void,
): Supervisor {
  const asked = new Map<number, (outcome: Outcome) => void>()
  let child: ChildProcess | undefined
  let isOpen = false
  let closing = false
  let absent = false
  let starts = 0
  let nextId = 1
  let lastAnswerAt = clock.now()

  function begin(): void {
    starts += 1
    isOpen = false
    const started = fork(processPath(), [directory, String(memoryBytesMax)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child = started
    started.on('message', (answer: EngineAnswer) => hear(answer))
    started.on('error', error => events.failed(error.message))
    started.on('exit', (code, signal) => ended(signal ?? `code ${code}`))
  }

  function hear(answer: EngineAnswer): void {
    lastAnswerAt = clock.now()
    if (answer.told === 'loaded') onLoaded({ status: 'loaded' })
    else if (answer.told === 'absent') {
      absent = true
      onLoaded({ status: 'absent', reason: answer.reason })
    } else if (answer.told === 'failed') events.failed(answer.reason)
    else if (answer.told === 'open') {
      isOpen = true
      starts = 1
      events.opened(answer.version)
    } else {
      events.resident(answer.residentBytes)
      asked.get(answer.id)?.(answer.outcome)
    }
  }

  function ended(how: string): void {
    isOpen = false
    child = undefined
    for (const end of asked.values()) end({ status: 'away', reason: `the embedded ClickHouse ended (${how})` })
    if (closing || absent) return
    const pauseMs = 200 + backoffMs(starts, random())
    events.ended(how, pauseMs)
    clock.after(pauseMs, () => {
      if (!closing) begin()
    })
  }

  const cancelWatch = clock.every(5000, () => {
    if (asked.size === 0 || clock.now() - lastAnswerAt < HANG_MS_MAX) return
    events.failed(`it has answered nothing for ${HANG_MS_MAX} ms: it is ended`)
    child?.kill('SIGKILL')
  })

  function ask(question: Question): Promise<Outcome> {
    if (!child || !isOpen) return Promise.resolve({ status: 'away', reason: 'the embedded ClickHouse is starting' })
    if (asked.size >= QUESTIONS_MAX)
      return Promise.resolve({ status: 'away', reason: `${QUESTIONS_MAX} questions wait for the embedded ClickHouse` })
    const id = nextId++
    if (asked.size === 0) lastAnswerAt = clock.now()
    const to = child
    return new Promise(resolve => {
      const cancel = clock.after(ANSWER_MS_MAX, () =>
        end({ status: 'away', reason: `the embedded ClickHouse did not answer within ${ANSWER_MS_MAX} ms` }),
      )
      const end = (outcome: Outcome) => {
        cancel()
        asked.delete(id)
        resolve(outcome)
      }
      asked.set(id, end)
      to.send({ id, ...question }, error => {
        if (error) end({ status: 'away', reason: `the embedded ClickHouse cannot be reached: ${error.message}` })
      })
    })
  }

  begin()
  return {
    ask,
    close() {
      closing = true
      cancelWatch()
      const ending = child
      if (!ending) return Promise.resolve()
      return new Promise(resolve => {
        ending.once('exit', () => resolve())
        const kill = clock.after(1000, () => ending.kill('SIGKILL'))
        ending.once('exit', kill)
        if (ending.connected) ending.disconnect()
      })
    },
  }
}

function engineStore({ ask, close }: Supervisor): Store {
  const done = async (question: Question) => {
    const outcome = await ask(question)
    return outcome.status === 'ok' ? ({ status: 'ok' } as const) : outcome
  }
  return {
    insert: insert => done({ ask: 'insert', ...insert }),
    command: sql => done({ ask: 'command', sql }),
    async query<Row>(sql: string, parameters = {}) {
      const outcome = await ask({ ask: 'query', sql, parameters })
      return outcome.status === 'ok' ? { status: 'ok', rows: parseRows<Row>(outcome.text) } : outcome
    },
    close,
  }
}

/** The engine's own file, beside this one, with whatever ending this one has (.ts, or .js once published). */
function processPath(): string {
  return fileURLToPath(new URL(`./engine-process${extname(import.meta.url)}`, import.meta.url))
}
