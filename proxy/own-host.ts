import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'

/**
 * The address from which this machine reaches `url`, and at which it is reached from there where nobody translates addresses in between.
 * Of several addresses of its host, the first to which there is a way. Rejects when it has none, or there is no way to any.
 */
export async function hostTowards(url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url)
  const addresses = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true })
  const towards = addresses.map(({ address, family }) =>
    ownAddress(family, address, Number(port) || (protocol === 'https:' ? 443 : 80)),
  )
  for (const way of await Promise.allSettled(towards)) if (way.status === 'fulfilled') return way.value
  return await towards[0]!
}

/** Nothing is sent: a UDP socket that is connected has taken its way. */
async function ownAddress(family: number, address: string, port: number): Promise<string> {
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  try {
    socket.connect(port, address)
    await once(socket, 'connect')
    return socket.address().address
  } finally {
    socket.close()
  }
}
