import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { jwksFetcher } from '../../proxy/authorize/jwt/fetch-text.ts'
import { formatAddress, listen } from '../../runtime/address.ts'

async function served(t: TestContext, answer: (response: ServerResponse) => void) {
  const server = createServer((_request, response) => answer(response))
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  const fetcher = jwksFetcher()
  t.after(async () => {
    await fetcher.close()
    server.close()
    server.closeAllConnections()
  })
  return fetcher.fetchText(`http://${formatAddress(address)}/jwks`)
}

test('keys come as text', async t =>
  assert.equal(await served(t, response => response.end('{"keys":[]}')), '{"keys":[]}'))

test('an answer other than 200 is no key document, a redirect neither', async t => {
  for (const status of [404, 500, 302])
    await assert.rejects(
      served(t, response => response.writeHead(status, { location: '/else' }).end('{"keys":[]}')),
      new RegExp(`answered ${status}`),
    )
})

test('a document without end is not read to its end', async t => {
  await assert.rejects(
    served(t, response => {
      const more = () => {
        while (response.writable && response.write(Buffer.alloc(64 * 1024, ' ')));
      }
      response.on('drain', more)
      more()
    }),
    /size/i,
  )
})

test('nobody there is an error, not a wait', async () => {
  const fetcher = jwksFetcher()
  await assert.rejects(fetcher.fetchText('http://127.0.0.1:1/jwks'), /ECONNREFUSED/)
  await fetcher.close()
})
