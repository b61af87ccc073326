import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { type Address, formatAddress } from './address.ts'
import { readContext } from './propagation.ts'

const MESSAGE_BYTES_MAX = 64 * 1024
const STREAMS_MAX = 1_000
const CLOSE_GRACE_MS = 1_000

export interface GrpcListener {
  /** Rejects when the port cannot be had. */
  start(at: Address): Promise<Address>
  /** Lets the calls under way end, for a second at most; then cuts them. */
  close(): Promise<void>
}

export function grpcListener(service: ServiceDefinition, handlers: UntypedServiceImplementation): GrpcListener {
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_MAX,
  })
  server.addService(service, handlers)
  return {
    start: at =>
      new Promise((resolve, reject) =>
        server.bindAsync(formatAddress(at), ServerCredentials.createInsecure(), (error, port) =>
          error === null ? resolve({ host: at.host, port }) : reject(error),
        ),
      ),
    close: () =>
      new Promise(resolve => {
        const cut = setTimeout(() => {
          server.forceShutdown()
          resolve()
        }, CLOSE_GRACE_MS)
        server.tryShutdown(() => {
          clearTimeout(cut)
          resolve()
        })
      }),
  }
}

/** The server span of one call: its parent is what the metadata say. `end` may be called again. */
export function serverSpan(
  tracer: Tracer,
  path: string,
  metadata: Metadata,
): { context: Context; end(code: number): void } {
  const parent = readContext(Object.fromEntries(Object.entries(metadata.getMap()).map(([k, v]) => [k, String(v)])))
  const attributes = { 'rpc.system': 'grpc', 'rpc.path': path }
  const span = tracer.startSpan(path.slice(1), { kind: SpanKind.SERVER, attributes }, parent)
  let ended = false
  return {
    context: trace.setSpan(parent ?? ROOT_CONTEXT, span),
    end(code) {
      if (ended) return
      ended = true
      span.setAttribute('grpc.status_code', code)
      if (code === status.INTERNAL || code === status.UNKNOWN)
        span.setStatus({ code: SpanStatusCode.ERROR, message: `ended with ${status[code]}` })
      span.end()
    },
  }
}
