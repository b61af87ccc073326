/** `node test/support/http2-serve.ts [port]`: a server of our HTTP/2 codec alone, to be tried with h2spec, h2load, nghttp or curl. */
import { answering } from './http2-echo.ts'
import { serveHttp2 } from './http2-sockets.ts'

const server = await serveHttp2(answering, {}, Number(process.argv[2] ?? 0))
console.log(server.port)
