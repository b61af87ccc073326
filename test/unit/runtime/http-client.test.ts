import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Agent, request } from '../../../runtime/http-client.ts'

test('a request is a GET with path and query as the URL has them, unless it says otherwise', async t => {
  const server = createServer((asked, answer) => {
    asked.setEncoding('utf8').on('data', (chunk: string) => answer.write(`${chunk} `))
    asked.on('end', () => answer.end(`${asked.method} ${asked.url} ${asked.headers['x-a']}`))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new Agent()
  t.after(() => Promise.all([agent.destroy(), server.close()]))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a%20b?c=d`

  const got = await request(url, { dispatcher: agent, headers: { 'x-a': '1' } })
  assert.equal(await got.body.text(), 'GET /a%20b?c=d 1')

  const posted = await request(new URL(url), { dispatcher: agent, method: 'POST', body: 'text' })
  assert.equal(await posted.body.text(), 'text POST /a%20b?c=d undefined')
})

test('a request that is broken off rejects with the reason', async t => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new Agent()
  t.after(() => Promise.all([agent.destroy(), server.close()]))
  const away = new AbortController()
  server.once('request', () => away.abort(new Error('had enough')))

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  await assert.rejects(request(url, { dispatcher: agent, signal: away.signal }), /had enough/)
})
