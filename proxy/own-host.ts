import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/**
 * The address from which this machine reaches `url`, and at which it is reached from there where nobody translates addresses in between.
 * Nothing is sent: a UDP socket that is connected has taken its way. Rejects when the host has no address, or there is no way to it.
 */
export async function hostTowards(url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  try {
    socket.connect(Number(port) || (protocol === 'https:' ? 443 : 80), host)
    await once(socket, 'connect')
    return socket.address().address
  } finally {
    socket.close()
  }
}
