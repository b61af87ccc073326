import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callJson, startExpense } from '../unit/demo/support/services.ts'

type Failure = { error: string; problems?: string[]; message: string }

test('an error rate fails the requests that the draw hits, with a body that names the switch, until it is deleted', async t => {
  const draws = [0.29, 0.3, 0.31]
  const { url } = await startExpense(t, {}, () => draws.shift() ?? assert.fail('drawn too often'))
  assert.equal((await callJson('POST', `${url}/faults`, { errorRate: 0.3 })).status, 200)
  const hit = await callJson('GET', `${url}/api/expense`)
  assert.deepEqual([hit.status, (hit.body as Failure).error], [500, 'injected-fault'])
  assert.match((hit.body as Failure).message, /errorRate 0\.3.*DELETE \/faults/)
  assert.equal((await callJson('GET', `${url}/api/expense`)).status, 200)
  assert.equal((await callJson('GET', `${url}/api/expense`)).status, 200)
  const none = { errorRate: 0, delayMs: 0, endpoint: null, endpointIs: null }
  assert.deepEqual(await callJson('DELETE', `${url}/faults`), { status: 200, body: none })
  assert.equal((await callJson('GET', `${url}/api/expense`)).status, 200)
})

test('a fault limited to one endpoint leaves every other alone, and health and the switch are never faulted', async t => {
  const { url } = await startExpense(t)
  await callJson('POST', `${url}/faults`, { errorRate: 1, endpoint: '/api/expense/trip/' })
  assert.equal((await callJson('GET', `${url}/api/expense/trip/x`)).status, 500)
  assert.equal((await callJson('GET', `${url}/api/expense`)).status, 200)
  await callJson('POST', `${url}/faults`, { errorRate: 1, endpoint: '/' })
  assert.equal((await callJson('GET', `${url}/api/expense`)).status, 500)
  for (const path of ['/health', '/ready', '/faults'])
    assert.equal((await callJson('GET', url + path)).status, 200, path)
})

test('a wrong order is 400, says what is allowed, and leaves the faults in force as they were', async t => {
  const { url } = await startExpense(t)
  await callJson('POST', `${url}/faults`, { errorRate: 1, endpoint: '/api' })
  const before = await callJson('GET', `${url}/faults`)
  for (const [order, named] of [
    [{ errorRate: 1.5 }, /errorRate must be <= 1, found 1\.5/],
    [{ errorRate: '1' }, /errorRate must be number/],
    [{ delayMs: -1 }, /delayMs must be >= 0/],
    [{ error_rate: 1 }, /unknown field "error_rate"; allowed: errorRate, delayMs, endpoint/],
    [{ errorRate: 1, endpoint: 'api' }, /endpoint must match/],
    [{}, /neither errorRate nor delayMs/],
    [[], /must be object/],
  ] as const) {
    const { status, body } = await callJson('POST', `${url}/faults`, order)
    assert.equal(status, 400, JSON.stringify(order))
    const { message, problems = [] } = body as Failure
    assert.match([message, ...problems].join('\n'), named)
  }
  assert.deepEqual(await callJson('GET', `${url}/faults`), before)
})

test('a delayed request ends at once when the service stops, so that a fault cannot hold up the end', async t => {
  const { url, metricsUrl, service } = await startExpense(t)
  await callJson('POST', `${url}/faults`, { delayMs: 30_000, endpoint: '/api/expense' })
  const delayed = callJson('GET', `${url}/api/expense`)
  const metrics = async () => (await fetch(metricsUrl)).text()
  while (!(await metrics()).includes('faults_injected_total{kind="delay"} 1'));
  await service.stop()
  assert.equal((await delayed).status, 200)
})

test('a delay is given up when its caller leaves, and the request counts as 499', async t => {
  const { url, metricsUrl } = await startExpense(t)
  await callJson('POST', `${url}/faults`, { delayMs: 30_000, endpoint: '/api/expense' })
  const leaving = new AbortController()
  const delayed = fetch(`${url}/api/expense`, { signal: leaving.signal })
  const metrics = async () => (await fetch(metricsUrl)).text()
  while (!(await metrics()).includes('faults_injected_total{kind="delay"} 1'));
  leaving.abort()
  await assert.rejects(delayed, { name: 'AbortError' })
  while (!(await metrics()).includes('http_requests_total{method="GET",route="/api/expense",code="499"} 1'));
})

test('requests and faults are counted by route pattern, never by raw path', async t => {
  const { url, metricsUrl } = await startExpense(t)
  await callJson('POST', `${url}/faults`, { errorRate: 1, endpoint: '/api/expense/trip/bad' })
  for (const path of ['/api/expense/trip/bad', '/api/expense/trip/other', '/no/such/path', '/health']) {
    await callJson('GET', url + path)
  }
  const text = await (await fetch(metricsUrl)).text()
  for (const line of [
    'http_requests_total{method="GET",route="/api/expense/trip/:tripId",code="500"} 1',
    'http_requests_total{method="GET",route="/api/expense/trip/:tripId",code="404"} 1',
    'http_requests_total{method="GET",route="unmatched",code="404"} 1',
    'http_request_duration_seconds_count{method="GET",route="/health",code="200"} 1',
    'faults_injected_total{kind="error"} 1',
    'app_build_info{service="expense",version="v1",node_version="v24',
  ]) {
    assert.ok(text.includes(line), line)
  }
  assert.match(text, /^process_cpu_seconds_total /m)
  assert.doesNotMatch(text, /no\/such|trip\/bad/)
})
