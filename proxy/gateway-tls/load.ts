import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { GatewayCertificate, GatewayTls } from '../../protocol/gateway-tls.ts'
import { strongTls } from '../../runtime/tls-strength.ts'

const FILE_BYTES_MAX = 1024 * 1024

/** What a gateway's files hold, ready for handshakes. */
export interface LoadedTls {
  options: TlsOptions
  /** For /certs: without keys. */
  shown: { path: string; chainPem: string }[]
  clientRoots: string[]
}

export type Loaded = { status: 'ok'; value: LoadedTls } | { status: 'invalid'; reason: string }

/** Every file that a gateway's TLS stands in, as its machine knows it. */
export function filesOf(tls: GatewayTls, directory: string): string[] {
  const named = tls.certificates.flatMap(({ certFile, keyFile }) => [certFile, keyFile])
  return [...named, ...(tls.clientCaFile === undefined ? [] : [tls.clientCaFile])].map(file => placed(file, directory))
}

/** Reads all of them, or says which one does not hold and why. `ticketKeys`: 48 bytes that sessions are sealed with. */
export function loadGatewayTls(tls: GatewayTls, directory: string, ticketKeys: Buffer): Loaded {
  let reading = ''
  const read = (file: string): string => {
    reading = placed(file, directory)
    if (statSync(reading).size > FILE_BYTES_MAX) throw new Error(`it is over ${FILE_BYTES_MAX} bytes`)
    return readFileSync(reading, 'utf8')
  }
  try {
    const ca = tls.clientCaFile === undefined ? undefined : read(tls.clientCaFile)
    if (ca !== undefined) new X509Certificate(ca)
    const minVersion = `TLSv${tls.minVersion}` as const
    const common = { minVersion, ticketKeys, ...strongTls, ...(ca === undefined ? {} : { ca }) }
    const all = tls.certificates.map(certificate => {
      const pair = readPair(certificate, read)
      return { ...pair, hosts: certificate.hosts, context: createSecureContext({ ...common, ...pair.material }) }
    })
    const contextFor = chooser(all)
    return {
      status: 'ok',
      value: {
        options: {
          ...common,
          ...contextless(all),
          requestCert: ca !== undefined,
          SNICallback: (name, callback) => callback(null, contextFor(name)),
        },
        shown: all.map(({ material, hosts: _, path }) => ({ path, chainPem: material.cert })),
        clientRoots: ca === undefined ? [] : [ca],
      },
    }
  } catch (error) {
    return { status: 'invalid', reason: `${reading}: ${(error as Error).message}` }
  }
}

interface Held {
  hosts: readonly string[]
  context: SecureContext
  material: { key: string; cert: string }
  path: string
}

function readPair({ certFile, keyFile }: GatewayCertificate, read: (file: string) => string) {
  const cert = read(certFile)
  const leaf = new X509Certificate(cert)
  const key = read(keyFile)
  // Said here, where the file's name is known: OpenSSL would say `key values mismatch`.
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error(`it is not the key of ${certFile}`)
  return { material: { key, cert }, path: certFile }
}

/** What is shown to who asks for no name, or for one that no certificate has. */
function contextless(all: readonly Held[]): { key: string; cert: string } {
  return (all.find(({ hosts }) => hosts.length === 0) ?? all[0]!).material
}

/** By name: exactly, then `*.` one label up, then the one without hosts. */
function chooser(all: readonly Held[]): (name: string) => SecureContext {
  const byHost = new Map(all.flatMap(({ hosts, context }) => hosts.map(host => [host.toLowerCase(), context] as const)))
  const fallback = (all.find(({ hosts }) => hosts.length === 0) ?? all[0]!).context
  return given => {
    const name = given.toLowerCase()
    return byHost.get(name) ?? byHost.get(`*${name.slice(name.indexOf('.'))}`) ?? fallback
  }
}

function placed(file: string, directory: string): string {
  return isAbsolute(file) ? file : join(directory, file)
}
