import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { parse, stringify } from 'yaml'
import { formatEffective } from '../../../../protocol/mesh-config/effective.ts'
import type { Field } from '../../../../protocol/mesh-config/fields.ts'
import { refuseScalar } from '../../../../protocol/mesh-config/scalar.ts'
import { MeshFile, meshField } from '../../../../protocol/mesh-config/schema.ts'
import { Limits, PassiveHealthCheck, Retries, Route } from '../../../../protocol/snapshot.ts'
import { meshFiles } from './arbitrary.ts'
import { readGood } from './support.ts'

const isMeshFile = Compile(MeshFile)

/** Every field of the schema with its path, at each place once. */
function everyField(field: Field, path: string): [string, Field][] {
  const inner = [
    ...Object.entries(field.properties ?? {}).flatMap(([name, child]) => everyField(child, `${path}.${name}`)),
    ...Object.values(field.patternProperties ?? {}).flatMap(child => everyField(child, `${path}.<name>`)),
    ...(field.anyOf ?? []).flatMap(child => everyField(child, path)),
    ...(field.items === undefined ? [] : everyField(field.items, `${path}[]`)),
  ]
  return [[path, field], ...inner]
}

describe('the schema', () => {
  const fields = everyField(meshField, '')
  it('describes every field', () => {
    const silent = fields.filter(([, field]) => field.anyOf === undefined && (field.description ?? '') === '')
    const branches = new Set(fields.flatMap(([, field]) => field.anyOf ?? []))
    assert.deepEqual(
      silent.filter(([, field]) => !branches.has(field)).map(([path]) => path),
      [],
    )
  })
  it('gives defaults that it would take itself', () => {
    for (const [path, field] of fields) {
      if (field.default === undefined || field.type === 'object' || field.type === 'array' || field.anyOf !== undefined)
        continue
      const node = { value: field.default, source: String(field.default) } as unknown as Parameters<
        typeof refuseScalar
      >[1]
      assert.equal(refuseScalar(field, node, field), undefined, path)
    }
  })
})

describe('any valid file', () => {
  it('is read, and fits the published JSON Schema', () => {
    fc.assert(
      fc.property(meshFiles, file => {
        const text = stringify(file, { lineWidth: 0 })
        readGood(text)
        const withoutNulls = JSON.parse(JSON.stringify(parse(text), (_key, value) => value ?? {}))
        assert.ok(isMeshFile.Check(withoutNulls), JSON.stringify(isMeshFile.Errors(withoutNulls)[0]))
      }),
    )
  })
  it('comes to settings that fit the snapshot', () => {
    const [isRoute, isRetries, isLimits, isFuse] = [Route, Retries, Limits, PassiveHealthCheck].map(schema =>
      Compile(schema),
    )
    fc.assert(
      fc.property(meshFiles, file => {
        const { config } = readGood(stringify(file))
        for (const service of config.services.values()) {
          assert.ok(service.routes.every(route => isRoute?.Check(route)))
          assert.ok(isRetries?.Check(service.retries))
          assert.ok(isLimits?.Check(service.limits))
          assert.ok(service.passiveHealthCheck === undefined || isFuse?.Check(service.passiveHealthCheck))
        }
      }),
    )
  })
  it('printed in full and read again is the same config', () => {
    fc.assert(
      fc.property(meshFiles, file => {
        const { config } = readGood(stringify(file))
        assert.deepEqual(readGood(formatEffective(config)).config, config)
      }),
    )
  })
})

it('a printed config names no password', () => {
  const { config } = readGood('mesh: m\ntelemetry: { clickhouse: "https://ann:secret@c:8123" }')
  const printed = formatEffective(config)
  assert.match(printed, /clickhouse: https:\/\/ann:\*\*\*@c:8123/)
  assert.doesNotMatch(printed, /secret/)
})
