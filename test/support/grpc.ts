import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientUnaryCall,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { type Address, formatAddress } from '../../runtime/address.ts'

/** Messages as they are on the wire: the tests need no schema. */
const same = (bytes: Buffer): Buffer => bytes
const UNARY = '/test.Echo/Say'
const HEALTH = '/grpc.health.v1.Health/Check'
const STREAM = '/test.Echo/Chat'

export interface GrpcApp {
  readonly address: string
  /** Both streams and calls, as they came. */
  readonly calls: Metadata[]
  close(): void
}

/** A server of one service; by default it echoes. */
export async function grpcApp(
  handlers: {
    say?: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void
    chat?: (call: ServerDuplexStream<Buffer, Buffer>) => void
    health?: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void
  } = {},
): Promise<GrpcApp> {
  const calls: Metadata[] = []
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  const wire = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
  server.addService(
    {
      say: { path: UNARY, requestStream: false, responseStream: false, ...wire },
      check: { path: HEALTH, requestStream: false, responseStream: false, ...wire },
      chat: { path: STREAM, requestStream: true, responseStream: true, ...wire },
    },
    {
      say(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
        calls.push(call.metadata)
        if (handlers.say === undefined) answer(null, call.request)
        else handlers.say(call, answer)
      },
      check(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
        if (handlers.health === undefined) answer({ code: status.UNIMPLEMENTED, details: 'no health service' })
        else handlers.health(call, answer)
      },
      chat(call: ServerDuplexStream<Buffer, Buffer>) {
        calls.push(call.metadata)
        if (handlers.chat !== undefined) {
          handlers.chat(call)
          return
        }
        call.on('data', message => call.write(message))
        call.on('end', () => call.end())
        call.on('error', () => {})
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  return { address: `127.0.0.1:${port}`, calls, close: () => server.forceShutdown() }
}

export interface Said {
  code: number
  details: string
  metadata: Metadata
  reply: string
}

export interface GrpcClient {
  /** Calls `say`, and tells how it ended; never rejects. */
  say(text: string | Buffer, options?: { deadlineMs?: number; metadata?: Record<string, string> }): Promise<Said>
  sayCall(text: string): ClientUnaryCall
  chat(): ClientDuplexStream<Buffer, Buffer>
  close(): void
}

/** A client of grpc-js that asks for authority `expense`, and retries nothing of itself. */
export function grpcClient(address: Address, options: ClientOptions = {}): GrpcClient {
  const client = new Client(formatAddress(address), credentials.createInsecure(), {
    'grpc.default_authority': 'expense',
    'grpc.enable_retries': 0,
    'grpc.max_receive_message_length': -1,
    ...options,
  })
  const metadataOf = (entries: Record<string, string>) => {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(entries)) metadata.set(name, value)
    return metadata
  }
  return {
    say: (text, { deadlineMs, metadata = {} } = {}) =>
      new Promise(resolve => {
        let reply = ''
        const call = client.makeUnaryRequest(
          UNARY,
          same,
          same,
          Buffer.from(text),
          metadataOf(metadata),
          deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
          (_: ServiceError | null, message?: Buffer) => {
            reply = String(message ?? '')
          },
        )
        call.on('status', ({ code, details, metadata: trailers }: StatusObject) =>
          resolve({ code, details, metadata: trailers, reply }),
        )
      }),
    sayCall: text => client.makeUnaryRequest(UNARY, same, same, Buffer.from(text), () => {}),
    chat: () => client.makeBidiStreamRequest(STREAM, same, same),
    close: () => client.close(),
  }
}
