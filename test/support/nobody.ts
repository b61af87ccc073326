import { createServer } from 'node:net'
import { formatAddress, listen } from '../../runtime/address.ts'

/** An address at which nobody listens. */
export async function addressOfNobody(): Promise<string> {
  const server = createServer()
  const address = await listen(server, { host: '127.0.0.1', port: 0 })
  await new Promise(resolve => server.close(resolve))
  return formatAddress(address)
}
