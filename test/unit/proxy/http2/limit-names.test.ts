import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { program, settings } from '../../../../proxy/config.ts'
import { limitsByName } from '../../../../proxy/http2/limit-names.ts'
import { http2LimitsFrom } from '../../../../proxy/http2-limit-setting.ts'
import { readSettings } from '../../../../runtime/settings.ts'

function limitsOf(...given: string[]) {
  const argv = given.flatMap(limit => ['--http2-limit', limit])
  const read = readSettings(program, settings, { argv, env: {} })
  return read.status === 'ok' ? http2LimitsFrom(read.values.http2Limit) : read
}

test('every limit of HTTP/2 is set by the name of its counter, the last value holds', () => {
  for (const [name, limit] of limitsByName) assert.deepEqual(limitsOf(`${name}=70000`), { [limit]: 70_000 })
  assert.deepEqual(limitsOf('pings_burst=1', 'resets_burst=2', 'pings_burst=3'), { pingsBurst: 3, resetsBurst: 2 })
})

test('every limit of HTTP/2 stands in the guide', () => {
  const guide = readFileSync(new URL('../../../../docs/guide/http2.md', import.meta.url), 'utf8')

  assert.deepEqual(
    [...limitsByName.keys()].filter(name => !guide.includes(`\`${name}\``)),
    [],
  )
})

test('a limit that is unknown, no number, or below what HTTP/2 itself allows is refused, and the names or numbers are told', () => {
  const wrong = {
    'rapid_resets=1':
      /found \["rapid_resets=1"\], allowed: name=number, of the names concurrent_streams_max .*resets_burst/,
    resets_burst: /allowed: resets_burst= and a whole number from 1 to 2147483647/,
    'resets_burst=0': /from 1 to/,
    'resets_burst=1e3': /from 1 to/,
    'resets_burst=2147483648': /from 1 to/,
    'connection_window_bytes=65534': /from 65535 to/,
  }
  for (const [given, message] of Object.entries(wrong)) {
    const read = limitsOf(given)
    assert.equal('status' in read && read.status, 'invalid', given)
    assert.match(JSON.stringify(read).replaceAll('\\"', '"'), message, given)
  }
})
