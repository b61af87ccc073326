import { type Fields, fieldOf } from '../../exchange.ts'
import { webSocketAccept } from '../../websocket-accept.ts'

/** Whether a 101 answers the key that its request held: whoever did not read the request cannot (RFC 6455, 4.1). */
export function isAccepted(request: Fields, answer: Fields): boolean {
  return fieldOf(answer, 'sec-websocket-accept') === webSocketAccept(fieldOf(request, 'sec-websocket-key') ?? '')
}

/** The fields of a 101 that go on over HTTP/2, where no key was sent and none is answered. */
export function withoutAccept(fields: Fields): Fields {
  const kept: Fields = []
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] !== 'sec-websocket-accept') kept.push(fields[i]!, fields[i + 1]!)
  return kept
}
