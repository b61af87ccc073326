import type { Exchange } from '../exchange.ts'
import { asksForWebSocket } from './http2-heads.ts'

/**
 * What can carry a request. socket: a socket of its own (CONNECT). websocket: HTTP/1.1, or a stream where HTTP/2 can tunnel it. upgrade:
 * HTTP/1.1 where there is a choice.
 */
export type RequestPassage = 'any' | 'socket' | 'websocket' | 'upgrade'

export function passageOf(exchange: Exchange): RequestPassage {
  const { method, upgrade } = exchange.request
  if (method === 'CONNECT') return 'socket'
  if (upgrade === '') return 'any'
  return asksForWebSocket(exchange) ? 'websocket' : 'upgrade'
}
