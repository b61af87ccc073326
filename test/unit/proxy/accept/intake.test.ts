import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ListenerContext } from '../../../../proxy/accept/context.ts'
import { HEAD, Intake, type IntakeOwner } from '../../../../proxy/accept/intake.ts'
import { defaultListenerLimits, type ListenerLimits } from '../../../../proxy/accept/settings.ts'
import { silentLog } from '../../../../runtime/log.ts'

/** What a connection does with what is taken apart: each request is answered when `answer` is called, or as soon as it is complete. */
function client({ answersAtOnce = false, takesBytes = true, limits = {} as Partial<ListenerLimits> } = {}) {
  const seen: string[] = []
  const passed: string[] = []
  const socket = {
    isRead: true,
    pause: () => {
      socket.isRead = false
    },
    resume: () => {
      socket.isRead = true
    },
  }
  const context = { limits: { ...defaultListenerLimits, ...limits }, coarseNow: 0, log: silentLog }
  let body = ''
  const complete = () => {
    seen.push(body)
    if (answersAtOnce) intake.expectRequest()
  }
  const owner: IntakeOwner = {
    onRequest(head) {
      seen.push(head.target)
      body = ''
      if (head.chunked || head.contentLength > 0) intake.expectBody(head)
      else {
        intake.expectAnswer()
        complete()
      }
    },
    onBytes(bytes) {
      passed.push(bytes.toString('latin1'))
      body += passed.at(-1)
      return takesBytes
    },
    onBodyEnd: complete,
    onInvalid: ({ reason }) => {
      seen.push(reason)
      intake.expectClose()
    },
    onDiscarded: isComplete => {
      seen.push(isComplete ? 'discarded' : 'too much')
      if (isComplete) intake.expectRequest()
      else intake.expectClose()
    },
  }
  const intake = new Intake(socket as unknown as Socket, context as unknown as ListenerContext, owner)
  return { intake, socket, seen, passed }
}

const requestOf = (target: string, body: string, chunked: boolean): string =>
  chunked
    ? `PUT ${target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`
    : `PUT ${target} HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const requests = fc.array(fc.record({ body: fc.stringMatching(/^[a-z]{0,20}$/), chunked: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
})

test('requests come out in order and whole, however their bytes are cut and whenever they are answered', () => {
  fc.assert(
    fc.property(requests, fc.array(fc.nat(300)), fc.boolean(), (list, cuts, answersAtOnce) => {
      const wire = Buffer.from(list.map(({ body, chunked }, n) => requestOf(`/${n}`, body, chunked)).join(''))
      const { intake, seen } = client({ answersAtOnce })

      const ends = [...new Set([...cuts.map(cut => cut % wire.length), wire.length])].sort((a, b) => a - b)
      let from = 0
      for (const end of ends) {
        if (end > from) intake.take(wire.subarray(from, end))
        from = end
      }
      // Whoever is asked for the next answers the one before.
      for (let n = 1; !answersAtOnce && n < list.length; n++) intake.expectRequest()

      assert.deepEqual(
        seen,
        list.flatMap(({ body }, n) => [`/${n}`, body]),
      )
    }),
  )
})

test('while a request is answered nothing of the next is looked at, and a client that sends a lot ahead is stopped', () => {
  const { intake, socket, seen } = client({ limits: { pipelinedBytesMax: 100 } })
  intake.take(Buffer.from(requestOf('/first', '', false)))

  intake.take(Buffer.from(requestOf('/second', 'x'.repeat(100), false)))

  assert.deepEqual([seen, socket.isRead, intake.hasMore], [['/first', ''], false, true])
  intake.expectRequest()
  assert.deepEqual([seen.slice(2), socket.isRead, intake.hasMore], [['/second', 'x'.repeat(100)], true, false])
})

test('the rest of a body that nobody wants is dropped, up to a bound', () => {
  const outcomes = [8, 9].map(bytes => {
    const { intake, seen } = client({ limits: { discardBytesMax: 8 } })
    const wire = Buffer.from(requestOf('/early', 'x'.repeat(bytes), false))
    intake.take(wire.subarray(0, wire.length - bytes))
    intake.expectRest()
    intake.take(wire.subarray(wire.length - bytes))
    return { said: seen.at(-1), takesNext: intake.state === HEAD }
  })

  assert.deepEqual(outcomes, [
    { said: 'discarded', takesNext: true },
    { said: 'too much', takesNext: false },
  ])
})

test('bytes right behind a request that opens a tunnel are the first of the tunnel', () => {
  const { intake, passed } = client()
  intake.take(Buffer.from(`${requestOf('/chat', '', false)}GET / HTTP/1.1\r\n`))

  intake.expectTunnel()
  intake.take(Buffer.from('more'))

  assert.deepEqual([passed, intake.hasMore], [['GET / HTTP/1.1\r\n', 'more'], false])
})

test('whoever takes no more stops the client until it says that it goes on', () => {
  const { intake, socket, passed } = client({ takesBytes: false })
  const wire = Buffer.from(requestOf('/slow', 'xx', false))
  intake.take(wire.subarray(0, -1))
  assert.deepEqual([passed, socket.isRead], [['x'], false])

  intake.resume()

  assert.equal(socket.isRead, true)
})
