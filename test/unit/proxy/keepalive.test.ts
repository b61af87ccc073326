import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { keepAlive, tcpKeepalive } from '../../../proxy/keepalive.ts'

function askedOf(silenceMs: number): unknown[][] {
  const asked: unknown[][] = []
  const socket = new Socket()
  socket.setKeepAlive = (...how: unknown[]) => {
    asked.push(how)
    return socket
  }
  keepAlive(socket, silenceMs)
  return asked
}

test('a silent far end is asked, and asked six times more within as much time again', () => {
  assert.deepEqual(askedOf(60_000), [[true, 60_000, 10_000, 6]])
})

test('the kernel knows no less than a second between two questions', () => {
  assert.deepEqual(askedOf(2000), [[true, 2000, 1000, 6]])
})

test('0s asks nobody', () => {
  assert.deepEqual(askedOf(tcpKeepalive('0s')), [])
})

test('whatever duration is given, the kernel can take it, or it is refused', () => {
  const unit = fc.constantFrom('ms', 's', 'm', 'h', 'd')
  fc.assert(
    fc.property(fc.nat(100_000), unit, (number, behind) => {
      let ms: number
      try {
        ms = tcpKeepalive(`${number}${behind}`)
      } catch (error) {
        assert.match(String(error), /from 1s to 32767s, or 0s/)
        return
      }
      assert.ok(ms === 0 || (ms >= 1000 && ms <= 32_767_000), `${number}${behind}: ${ms}`)
    }),
  )
})

for (const [given, ms] of Object.entries({ '1s': 1000, '60s': 60_000, '32767s': 32_767_000 }))
  test(`${given} is taken`, () => assert.equal(tcpKeepalive(given), ms))
