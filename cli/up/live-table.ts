import type { WriteStream } from 'node:tty'
import type { Status } from '../../control/api/status-schema.ts'
import { followJson } from '../ask/client.ts'
import { decisionLine, statusTable } from '../table.ts'

const RECONNECT_MS = 1000

/**
 * Shows the mesh as it lives. On a terminal a table that is drawn over itself; elsewhere a line for each decision.
 * Control away: the last table stays and says so.
 */
export function liveTable(controlUrl: string, out: WriteStream): void {
  const draw = out.isTTY ? redrawing(out) : announcing(out)
  const follow = (): void => {
    followJson(new URL('/v1/live', controlUrl), value => draw.status(value as Status))
      .catch(() => undefined)
      .finally(() => {
        draw.away()
        setTimeout(follow, RECONNECT_MS)
      })
  }
  follow()
}

interface Drawing {
  status(status: Status): void
  away(): void
}

function redrawing(out: WriteStream): Drawing {
  let height = 0
  let last = ''
  const show = (text: string): void => {
    if (height > 0) out.write(`\x1b[${height}A`)
    const lines = text.split('\n').map(line => `${clip(line, out.columns)}\x1b[K`)
    out.write(`\x1b[J${lines.join('\n')}\n`)
    height = lines.length
  }
  return {
    status(status) {
      last = statusTable(status, true)
      show(last)
    },
    away() {
      if (last !== '') show(`${last}\ncontrol is away: this is how it was; traffic goes on with the last weights`)
    },
  }
}

/** Cuts a line at the terminal's edge, so that it never wraps and the redraw finds its place; colour codes take no room. */
export function clip(line: string, columns: number): string {
  let shown = 0
  let at = 0
  while (at < line.length && shown < columns - 1) {
    const code = /^\x1b\[[0-9;]*m/.exec(line.slice(at, at + 12))
    if (code === null) shown++
    at += code === null ? 1 : code[0].length
  }
  return at < line.length ? `${line.slice(0, at)}\x1b[0m` : line
}

function announcing(out: WriteStream): Drawing {
  let lastId = -1
  return {
    status({ lastDecision }) {
      if (lastDecision === null || lastDecision.id === lastId) return
      lastId = lastDecision.id
      out.write(`${decisionLine(lastDecision)}\n`)
    },
    away() {},
  }
}
