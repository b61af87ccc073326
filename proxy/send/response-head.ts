// Hot path: turns an endpoint's head into the exchange's words.
import type { ResponseHead } from '../exchange.ts'
import type { BodyFraming } from '../http1/framing.ts'
import { responseFieldsToPass } from '../http1/hop-by-hop.ts'
import type { ResponseHead as WireHead } from '../http1/response-head.ts'

export function responseHeadOf(head: WireHead, framing: BodyFraming): ResponseHead {
  return {
    status: head.statusCode,
    reason: head.reason,
    fields: responseFieldsToPass(head),
    contentLength: head.contentLength,
    hasBody: framing !== 'none' && framing !== 'tunnel',
    upgrade: head.statusCode === 101 ? head.upgrade : '',
  }
}

/** What a client hears when its CONNECT has reached an endpoint. */
export const connectEstablished: ResponseHead = {
  status: 200,
  reason: 'Connection Established',
  fields: [],
  contentLength: -1,
  hasBody: false,
  upgrade: '',
}
