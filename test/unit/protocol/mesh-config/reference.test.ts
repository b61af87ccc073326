import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { renderMeshSchema, renderMeshYaml } from '../../../../scripts/reference-mesh-yaml.ts'

const onDisk = (name: string) => readFileSync(new URL(`../../../../docs/reference/${name}`, import.meta.url), 'utf8')

describe('the reference says what the schema says (npm run docs writes it)', () => {
  it('as a page', () => assert.equal(onDisk('mesh-yaml.md'), renderMeshYaml()))
  it('as a schema for editors', () => assert.equal(onDisk('mesh-yaml.schema.json'), renderMeshSchema()))
})

it('every field of the file stands on the page', () => {
  const page = renderMeshYaml()
  for (const name of [
    'trustDomain',
    'outsideContext',
    'maxChangePerMinute',
    'panicBelow',
    'caFile',
    'pathRegex',
    'weight',
  ])
    assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'))
})
