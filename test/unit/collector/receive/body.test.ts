import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import { afterEach, it } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { type BodyRead, readBody } from '../../../../collector/receive/body.ts'
import { memoryBudget } from '../../../../collector/receive/budget.ts'
import { listen } from '../../../../runtime/address.ts'
import { type ManualClock, manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/until.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const MiB = 1024 * 1024

/** Reads the body of one request, sent by `send`. */
async function readOne(
  headers: IncomingHttpHeaders,
  send: (chunk: (bytes: Buffer | undefined) => void) => void,
  { budgetBytes = 64 * MiB, clock = manualClock() }: { budgetBytes?: number; clock?: ManualClock } = {},
): Promise<{ read: BodyRead; heldBytes: number; releasedBytes: number }> {
  const budget = memoryBudget(budgetBytes)
  return new Promise((resolve, reject) => {
    const server = createServer(async (incoming, answer) => {
      const read = await readBody(incoming, { bytesMax: MiB, budget, clock })
      const heldBytes = budget.heldBytes
      if (read.status === 'ok') read.release()
      answer.end()
      resolve({ read, heldBytes, releasedBytes: budget.heldBytes })
    })
    closing.push(() => {
      server.closeAllConnections()
      server.close()
    })
    listen(server, { host: '127.0.0.1', port: 0 }).then(({ port }) => {
      const sending = request({ host: '127.0.0.1', port, method: 'POST', headers })
      sending.on('error', () => {})
      send(bytes => (bytes === undefined ? sending.end() : sending.write(bytes)))
    }, reject)
  })
}

const whole = (bytes: Buffer) => (chunk: (bytes: Buffer | undefined) => void) => {
  chunk(bytes)
  chunk(undefined)
}
const refusal = (read: BodyRead) => (read.status === 'refused' ? `${read.code} ${read.reason}` : 'ok')

it('a body comes as it was sent: plain, gzip or deflate', async () => {
  const text = Buffer.from(JSON.stringify({ a: 'ü'.repeat(1000) }))
  for (const [coding, bytes] of [
    [undefined, text],
    ['identity', text],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
  ] as const) {
    const { read, heldBytes, releasedBytes } = await readOne(coding ? { 'content-encoding': coding } : {}, whole(bytes))
    assert.ok(read.status === 'ok', refusal(read))
    assert.deepEqual(read.body, text)
    assert.deepEqual([heldBytes, releasedBytes], [text.length, 0])
  }
})

it('a small body that grows beyond the limit is cut there, and holds no memory', async () => {
  const bomb = gzipSync(Buffer.alloc(256 * MiB))
  assert.ok(bomb.length < MiB)
  const { read, heldBytes } = await readOne({ 'content-encoding': 'gzip' }, whole(bomb))
  assert.match(refusal(read), /^413 .*1048576 bytes/)
  assert.equal(heldBytes, 0)
})

it('a length that says too much is refused before anything is read', async () => {
  const { read } = await readOne({ 'content-length': String(2 * MiB) }, chunk => chunk(Buffer.from('x')))
  assert.match(refusal(read), /^413 /)
})

it('a body without a length is cut at the limit as well', async () => {
  const { read, heldBytes } = await readOne({}, whole(Buffer.alloc(2 * MiB)))
  assert.match(refusal(read), /^413 /)
  assert.equal(heldBytes, 0)
})

it('when the memory of all bodies is used up the sender is to come again', async () => {
  const { read, heldBytes } = await readOne({}, whole(Buffer.alloc(MiB / 2)), { budgetBytes: 1000 })
  assert.match(refusal(read), /^429 /)
  assert.equal(heldBytes, 0)
})

it('a coding that is not known is refused with those that are', async () => {
  const { read } = await readOne({ 'content-encoding': 'br' }, whole(Buffer.from('x')))
  assert.match(refusal(read), /^415 .*allowed: gzip, deflate, identity/)
})

it('what is no gzip, or only its beginning, is refused', async () => {
  const { read: garbage } = await readOne({ 'content-encoding': 'gzip' }, whole(Buffer.from('not gzip at all')))
  assert.match(refusal(garbage), /^400 .*cannot be decompressed/)
  const cut = gzipSync(Buffer.alloc(5000, 1)).subarray(0, 20)
  const { read: half } = await readOne({ 'content-encoding': 'gzip' }, whole(cut))
  assert.match(refusal(half), /^400 .*cannot be decompressed/)
})

it('a sender that trickles is given half a minute', async () => {
  const clock = manualClock()
  const reading = readOne({}, chunk => chunk(Buffer.from('[')), { clock })
  await until(
    'the body is being read',
    () => clock.timers,
    timers => timers === 1,
  )
  clock.advance(30_001)
  assert.match(refusal((await reading).read), /^408 /)
})
