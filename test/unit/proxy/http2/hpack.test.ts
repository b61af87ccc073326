import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../../../proxy/http2/hpack/encoder.ts'
import type { Field } from '../../../../proxy/http2/hpack/field.ts'
import { huffmanBytes, huffmanDecode, huffmanEncode } from '../../../../proxy/http2/hpack/huffman.ts'
import { fieldName, fieldValue } from '../http1/messages.ts'
import { VECTORS } from './rfc7541.ts'

interface Decoded {
  fields: string[]
  never: string[]
  fault: string
}

function decode(decoder: HpackDecoder, block: Buffer): Decoded {
  const fields: string[] = []
  const never: string[] = []
  const fault = decoder.decode(block, 0, block.length, {
    onField(field: Field, neverIndexed: boolean) {
      fields.push(field.name, field.value)
      if (neverIndexed) never.push(field.name)
    },
  })
  return { fields, never, fault }
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

function encode(encoder: HpackEncoder, fields: readonly string[], never: readonly string[] | null = null): Buffer {
  encoder.begin()
  encoder.fields(fields, never)
  return Buffer.from(encoder.block.subarray(0, encoder.blockBytes))
}

describe('RFC 7541, appendix C', () => {
  for (const { name, tableBytes, blocks } of VECTORS) {
    test(`${name} is decoded, and leaves the table as large as is said there`, () => {
      const decoder = new HpackDecoder(4096)
      if (tableBytes < 4096) decode(decoder, Buffer.from([0x3f, 0xe1, 0x01])) // 256
      for (const [block, fields, bytes] of blocks) {
        assert.deepEqual(decode(decoder, hex(block)), {
          fields,
          never: name.includes('never') ? ['password'] : [],
          fault: '',
        })
        assert.equal(decoder.tableBytes, bytes)
      }
    })
  }

  test('C.1: an integer is spread over as many bytes as it takes', () => {
    // A string of 1337 bytes, whose length takes three bytes behind a prefix of seven bits.
    const block = Buffer.concat([hex('0001 61 7f ba09'), Buffer.alloc(1337, 'v')])
    assert.deepEqual(decode(new HpackDecoder(4096), block).fields, ['a', 'v'.repeat(1337)])
  })
})

describe('the decoder refuses', () => {
  const refused: [string, string, RegExp][] = [
    ['index 0', '80', /index beyond/],
    ['an index beyond both tables', 'be', /index beyond/],
    ['a name index beyond both tables', '7e 01 61', /index beyond/],
    ['a table size update behind a field', '82 20', /size update behind/],
    ['more than two table size updates', '20 20 20', /more than 2 table size updates/],
    ['a table larger than our settings say', '3f e2 1f', /table size/],
    ['an integer that does not end', 'ff ff ff ff ff ff ff 7f', /too large/],
    ['an integer cut off', 'ff', /within an integer/],
    ['a string longer than the block', '00 01 61 05 61', /within a string/],
    ['a block that ends before a value', '00 01 61', /before a string/],
    ['EOS within a string', '00 01 61 84 ff ff ff ff', /Huffman/],
    ['a padding of more than seven bits', '00 01 61 82 1f ff', /Huffman/],
    ['a padding of other than ones', '00 01 61 81 18', /Huffman/],
  ]
  for (const [name, block, fault] of refused) {
    test(name, () => assert.match(decode(new HpackDecoder(4096), hex(block)).fault, fault))
  }

  test('a block without a size update after our settings made the table smaller', () => {
    const decoder = new HpackDecoder(256)
    assert.equal(decode(decoder, hex('82')).fault, '', 'the peer has not seen them yet')
    decoder.onSettingsAcked()
    assert.match(decode(decoder, hex('82')).fault, /no table size update/)
  })
})

describe('the decoder takes', () => {
  test('two size updates at the start of a block, the first of which empties the table', () => {
    const decoder = new HpackDecoder(4096)
    decode(decoder, hex('40 01 61 01 62'))
    assert.equal(decoder.tableBytes, 34)
    assert.equal(decode(decoder, hex('20 3f e1 1f 82')).fault, '')
    assert.equal(decoder.tableBytes, 0)
  })

  test('an entry larger than the table, which empties it', () => {
    const decoder = new HpackDecoder(4096)
    decode(decoder, hex('40 01 61 01 62'))
    const large = Buffer.concat([hex('40 01 61 7f 81 20'), Buffer.alloc(127 + 1 + 4096, 'v')])
    const { fault, fields } = decode(decoder, large)
    assert.deepEqual([fault, fields[1]!.length, decoder.tableBytes], ['', 4224, 0])
  })

  test('an indexed field as the same object each time, so that its value is checked once', () => {
    const decoder = new HpackDecoder(4096)
    const found: Field[] = []
    const sink = { onField: (field: Field) => found.push(field) }
    for (const block of ['40 01 61 01 62', 'be', 'be']) decoder.decode(hex(block), 0, hex(block).length, sink)
    assert.equal(found[0], found[1])
    assert.equal(found[1], found[2])
  })
})

describe('the encoder', () => {
  test('puts what repeats into the table: the second time a field is one byte', () => {
    const encoder = new HpackEncoder(4096)
    const fields = ['user-agent', 'curl/8.5.0', 'x-version', '2']
    assert.ok(encode(encoder, fields).length > 10)
    assert.equal(encode(encoder, fields).length, 2)
  })

  test('keeps the name, not the value, of what varies', () => {
    const encoder = new HpackEncoder(4096)
    encode(encoder, ['x-request-id', 'a1'])
    const block = encode(encoder, ['x-request-id', 'b2'])
    assert.deepEqual([block.length, block[0]! & 0xf0], [5, 0x00])
  })

  test('writes secrets as never-indexed literals, and whatever came so', () => {
    const encoder = new HpackEncoder(4096)
    const decoder = new HpackDecoder(4096)
    const fields = ['authorization', 'Bearer x', 'cookie', 'a=b', 'x-key', 's', 'x-plain', 'p']
    for (let i = 0; i < 2; i++) {
      const decoded = decode(decoder, encode(encoder, fields, ['x-key']))
      assert.deepEqual(decoded, { fields, never: ['authorization', 'cookie', 'x-key'], fault: '' })
    }
  })

  test('leaves out fields of an HTTP/1.1 connection', () => {
    const block = encode(new HpackEncoder(4096), ['connection', 'close', 'transfer-encoding', 'chunked', 'a', 'b'])
    assert.deepEqual(decode(new HpackDecoder(4096), block).fields, ['a', 'b'])
  })

  test('throws on a line end, and on what latin1 would turn into one; the next block is sound', () => {
    const encoder = new HpackEncoder(4096)
    const decoder = new HpackDecoder(4096)
    decode(decoder, encode(encoder, ['x-a', 'one']))
    for (const bad of ['a\r\nb', 'a\nb', 'a\0', 'a\u010a']) {
      assert.throws(() => encode(encoder, ['x-new', 'two', 'x-b', bad]), /was not checked/)
      encoder.abandon()
      assert.deepEqual(decode(decoder, encode(encoder, ['x-new', 'two', 'x-a', 'one'])), {
        fields: ['x-new', 'two', 'x-a', 'one'],
        never: [],
        fault: '',
      })
    }
  })

  test('throws on a name that is not in lower case', () => {
    for (const name of ['X-A', 'x a', 'x\n', ':A'])
      assert.throws(() => encode(new HpackEncoder(4096), [name, 'b']), /no token in lower case/)
  })

  test('tells the smallest and the last size when the peer changed the table in between', () => {
    const encoder = new HpackEncoder(4096)
    encode(encoder, ['x-a', 'b'])
    encoder.setPeerTableBytes(0)
    encoder.setPeerTableBytes(100)
    assert.deepEqual([...encode(encoder, [':method', 'GET'])], [0x20, 0x3f, 100 - 31, 0x82])
  })

  test('never grows its table beyond what either side wants', () => {
    const encoder = new HpackEncoder(256)
    encoder.setPeerTableBytes(65536)
    assert.deepEqual([...encode(encoder, [])], [0x3f, 0xe1, 0x01])
  })
})

test('whatever is encoded is decoded to the same fields, block after block, with tables of any size and changes of it', () => {
  const pairs = fc.array(
    fc.tuple(
      fieldName.map(name => name.toLowerCase()),
      fieldValue,
    ),
    { maxLength: 8 },
  )
  const step = fc.record({ pairs, size: fc.option(fc.nat({ max: 5000 }), { nil: -1, freq: 4 }), never: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.nat({ max: 6000 }), (steps, own) => {
      const encoder = new HpackEncoder(own)
      const decoder = new HpackDecoder(6000)
      decoder.onSettingsAcked()
      for (const { pairs, size, never } of steps) {
        if (size >= 0) encoder.setPeerTableBytes(size)
        const fields = pairs.flat()
        const names = never ? [...new Set(pairs.map(([name]) => name))] : null
        const decoded = decode(decoder, encode(encoder, fields, names))
        assert.equal(decoded.fault, '')
        assert.deepEqual(decoded.fields, fields)
        if (never) assert.equal(decoded.never.length, pairs.length)
        assert.ok(decoder.tableBytes <= own)
      }
    }),
  )
})

test('Huffman decodes what it encoded, in the bytes that it said', () => {
  const anyText = fc.string({ unit: fc.nat({ max: 255 }).map(code => String.fromCharCode(code)), maxLength: 300 })
  fc.assert(
    fc.property(anyText, text => {
      const encoded = Buffer.alloc(huffmanBytes(text))
      assert.equal(huffmanEncode(text, encoded, 0), encoded.length)
      const decoded = Buffer.alloc(text.length + 8)
      const bytes = huffmanDecode(encoded, 0, encoded.length, decoded)
      assert.equal(decoded.toString('latin1', 0, bytes), text)
    }),
  )
})
