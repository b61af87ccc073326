/** `node test/support/http2-serve.ts [port]`: a server of our HTTP/2 codec alone, for h2spec, h2load and nghttp. A GET without a body is answered with 100 bytes, all else echoed. */
import { Echo } from './http2-echo.ts'
import { serveHttp2 } from './http2-sockets.ts'

const BODY = Buffer.alloc(100, 'x')
const FIELDS = ['content-type', 'text/plain', 'content-length', '100', 'server', 'codec']

const server = await serveHttp2(
  socketConnection => {
    const { connection } = socketConnection
    socketConnection.onRequestCame = (stream, head, ended) => {
      if (head.method !== 'GET' || !ended || head.tooLarge) {
        new Echo(connection, stream, head, ended)
        return
      }
      connection.head(stream, 200, FIELDS, null, false)
      connection.data(stream, BODY)
      connection.end(stream, null)
    }
  },
  {},
  Number(process.argv[2] ?? 0),
)
console.log(server.port)
