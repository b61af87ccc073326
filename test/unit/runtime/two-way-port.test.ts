import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { Agent, request } from 'undici'
import { systemClock } from '../../../runtime/clock.ts'
import { openTwoWayPort } from '../../../runtime/two-way-port.ts'
import { testAuthority } from '../../support/certificates.ts'
import { until } from '../../support/until.ts'

const authority = await testAuthority()
const { chain, key } = await authority.certify({ spiffeId: 'spiffe://demo.mesh/collector', dns: ['localhost'] })

/** A port whose answers to /held wait for the test. */
async function port(t: TestContext) {
  const held: ServerResponse[] = []
  const opened = openTwoWayPort(
    (asked, answer) => {
      if (asked.url === '/held') held.push(answer)
      else answer.end('now')
    },
    systemClock,
    { handshakeFailed() {}, connectionDropped() {} },
  )
  opened.setTls({ cert: chain, key, ca: [authority.root] })
  const address = (await opened.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost')
  const agent = new Agent({ connect: { ca: authority.root } })
  t.after(() => Promise.all([agent.destroy(), opened.close()]))
  const ask = async (scheme: string, path: string) =>
    await (await request(`${scheme}://${address}${path}`, { dispatcher: agent })).body.text()
  return { opened, held, ask }
}

for (const scheme of ['http', 'https']) {
  test(`a request under way by ${scheme} is answered while the port closes, and what idles does not hold it up`, async t => {
    const { opened, held, ask } = await port(t)
    assert.equal(await ask(scheme, '/idle'), 'now')
    const asked = ask(scheme, '/held')
    await until(
      'the request',
      () => held.length,
      length => length === 1,
    )

    const closed = opened.close(30_000)
    await assert.rejects(ask(scheme, '/new'), /ECONNREFUSED/)
    held[0]!.end('late')

    assert.equal(await asked, 'late')
    await closed
  })

  test(`a request by ${scheme} that outlasts the grace is cut`, async t => {
    const { opened, held, ask } = await port(t)
    const asked = assert.rejects(ask(scheme, '/held'), /other side closed|ECONNRESET/)
    await until(
      'the request',
      () => held.length,
      length => length === 1,
    )

    await opened.close(60)

    await asked
  })
}
