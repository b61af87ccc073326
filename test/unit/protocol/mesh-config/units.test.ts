import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  durationPattern,
  formatAddress,
  formatDuration,
  formatShare,
  formatSize,
  parseAddress,
  parseDuration,
  parseShare,
  parseSize,
  sharePattern,
  sizePattern,
} from '../../../../protocol/mesh-config/units.ts'

describe('durations', () => {
  it('are read in every unit', () => {
    const read = ['250ms', '10s', '5m', '1h', '30d', '1.5s', '0s'].map(parseDuration)
    assert.deepEqual(read, [250, 10_000, 300_000, 3_600_000, 2_592_000_000, 1_500, 0])
  })
  for (const text of ['', '10', 's', '-1s', '1 s', '1S', '0.1ms', '1e3s', '367d', '1s ', '1h30m', '١s', '.5s'])
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), undefined))
  it('are formatted as they would be read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), milliseconds => {
        assert.equal(parseDuration(formatDuration(milliseconds)), milliseconds)
        assert.match(formatDuration(milliseconds), new RegExp(durationPattern))
      }),
    )
  })
  it('are formatted in the largest unit that stays whole', () =>
    assert.deepEqual([90_000, 86_400_000, 1_001].map(formatDuration), ['90s', '1d', '1001ms']))
})

describe('shares', () => {
  it('are percents', () => assert.deepEqual(['99.9%', '0%', '100%', '0.000001%'].map(parseShare), [0.999, 0, 1, 1e-8]))
  for (const text of ['', '0.5', '50', '101%', '100.000001%', '-1%', '1e1%', '50 %', '%', '5,5%'])
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseShare(text), undefined))
  it('are formatted as they would be read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000_000 }), hundredMillionths => {
        const share = hundredMillionths / 100e6
        assert.equal(parseShare(formatShare(share)), share)
        assert.match(formatShare(share), new RegExp(sharePattern))
      }),
    )
  })
})

describe('sizes', () => {
  it('are binary', () =>
    assert.deepEqual(['512B', '64KiB', '1MiB', '2GiB'].map(parseSize), [512, 65_536, 1_048_576, 2 ** 31]))
  for (const text of ['', '64', '64KB', '1.5KiB', '-1B', '1025GiB', '64kib'])
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseSize(text), undefined))
  it('are formatted as they would be read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 39 }), bytes => {
        assert.equal(parseSize(formatSize(bytes)), bytes)
        assert.match(formatSize(bytes), new RegExp(sizePattern))
      }),
    )
  })
})

describe('addresses', () => {
  const good: [string, string, number][] = [
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['Rates.Example:443', 'rates.example', 443],
    ['localhost:0', 'localhost', 0],
    ['[::1]:9', '::1', 9],
    ['[2001:DB8::1]:65535', '2001:db8::1', 65_535],
  ]
  for (const [text, host, port] of good)
    it(`${text} is ${host} and ${port}`, () => assert.deepEqual(parseAddress(text), { host, port }))
  const bad = [
    '',
    ':80',
    'a',
    'a:',
    'a:65536',
    'a:-1',
    '1.2.3:80',
    '256.0.0.1:80',
    '::1:80',
    '[::1]',
    '[x]:80',
    '[:::]:80',
    'a b:80',
    'a:80:80',
    '-a:80',
  ]
  for (const text of bad) it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseAddress(text), undefined))
  it('are formatted as they would be read back', () => {
    const host = fc.oneof(fc.ipV4(), fc.domain(), fc.constantFrom('::1', '2001:db8::1', 'localhost'))
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
        const address = { host: host.toLowerCase(), port }
        assert.deepEqual(parseAddress(formatAddress(address)), address)
      }),
    )
  })
})
