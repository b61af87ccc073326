import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { decisionShipper } from '../../../../control/publish/decision-shipper.ts'
import type { Decision } from '../../../../protocol/decision.ts'
import { manualClock } from '../manual-clock.ts'

const timeout = 10_000
const decisions = Array.from({ length: 450 }, (_, at) => ({ id: at + 1 }) as Decision)

/** A collector that answers with the codes given, 202 after them; `happened` tells what the shipper tells. */
async function arrange(t: TestContext, codes: number[], shippedTo = 0) {
  const clock = manualClock()
  const happened = new EventEmitter()
  const got: number[][] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const code = codes.shift() ?? 202
    const ids = body
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as Decision).id)
    if (code === 202) got.push(ids)
    response.writeHead(code).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const shipper = decisionShipper(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    connect: (_url, timeout) => ({ timeout }),
    clock,
    random: () => 1,
    shippedTo,
    proof: async () => undefined,
    decisionsAfter: (id, limit) => decisions.filter(decision => decision.id > id).slice(0, limit),
    events: {
      decisionsShipped: () => happened.emit(shipper.shippedTo === 450 ? 'done' : 'some'),
      decisionsNotShipped: reason => happened.emit('waiting', reason),
      decisionsUnshippable: count => happened.emit('refused', count),
    },
  })
  t.after(() => {
    shipper.close()
    server.close()
    server.closeAllConnections()
  })
  return { clock, happened, got, shipper }
}

test('the log is sent in order and in batches, from where it was before', { timeout }, async t => {
  const { happened, got, shipper } = await arrange(t, [], 10)
  shipper.kick()
  await once(happened, 'done')
  assert.deepEqual(
    got.flat(),
    decisions.slice(10).map(({ id }) => id),
  )
  assert.ok(got.every(batch => batch.length <= 200))
})

test('a collector that cannot take it now is asked again, and nothing is lost or left out', { timeout }, async t => {
  const { clock, happened, got, shipper } = await arrange(t, [503, 429])
  let waits = 0
  happened.on('waiting', () => waits++)
  const done = once(happened, 'done')
  shipper.kick()
  const timer = setInterval(() => clock.advance(1000), 5)
  await done
  clearInterval(timer)
  assert.deepEqual(
    got.flat(),
    decisions.map(({ id }) => id),
  )
  assert.equal(waits, 1, 'told once, not for each attempt')
})

test('a batch that the collector refuses for good is counted and does not stop the rest', { timeout }, async t => {
  const { happened, got, shipper } = await arrange(t, [400])
  const refused = once(happened, 'refused')
  const done = once(happened, 'done')
  shipper.kick()
  assert.deepEqual(await refused, [200])
  await done
  assert.deepEqual(
    got.flat(),
    decisions.slice(200).map(({ id }) => id),
  )
})
