import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import type { GatewayTls } from '../../protocol/gateway-tls.ts'
import { parseAddress } from '../../runtime/address.ts'
import { oddCertificate, type Shown } from '../support/bad-certificates.ts'
import { type TestAuthority, testAuthority } from '../support/certificates.ts'
import { fakeControl } from '../support/fake-control.ts'
import { askOnce, heardBy, statOf } from '../support/mesh-pair.ts'
import { adminOf, listenerOf, meshProxy } from '../support/mesh-proxy.ts'
import { upstreamOf } from '../support/proxy-harness.ts'
import { answering, ok, origin, type Wire, wireOf } from '../support/proxy-sockets.ts'
import { until } from '../support/until.ts'

const plain: Pick<GatewayTls, 'minVersion' | 'requireClientCertificate'> = {
  minVersion: '1.2',
  requireClientCertificate: false,
}

interface Edge {
  proxy: Awaited<ReturnType<typeof meshProxy>>
  authority: TestAuthority
  /** Writes certificate and key for a host as <name>.pem and <name>.key; tells the certificate's serial number. */
  write(name: string, host: string): Promise<string>
  tell(tls: GatewayTls): void
  heard(): string
  /** A connection by TLS, once its handshake is over. */
  dial(options?: ConnectionOptions): Promise<Wire & { serial: string }>
  folder: string
}

async function edge(t: TestContext): Promise<Edge> {
  const folder = mkdtempSync(`${tmpdir()}/trimtab-gateway-`)
  const authority = await testAuthority('public.example')
  const control = await fakeControl()
  const app = await origin(answering(() => ok('hello')))
  const tell: Edge['tell'] = tls =>
    control.tell('edge', {
      listener: listenerOf('edge', 'off', {
        kind: 'gateway',
        routes: [{ name: 'all', match: {}, to: { service: 'expense' } }],
        tls,
      }),
      'upstream/expense': upstreamOf([app.address], { mesh: false }),
    })
  const flags = ['--gateway', 'edge', '--listen', '127.0.0.1:0', '--control', control.url, '--certificates', folder]
  const proxy = await meshProxy(flags, control.token)
  t.after(() => Promise.all([proxy.close(), control.close(), app.close()]))
  t.after(() => rmSync(folder, { recursive: true }))
  const address = parseAddress(proxy.addresses['gateway']!)!
  return {
    proxy,
    authority,
    folder,
    tell,
    heard: () => heardBy(app),
    async write(name, host) {
      const made = await oddCertificate(authority, { names: [host] })
      writeFileSync(`${folder}/${name}.pem`, made.chain)
      writeFileSync(`${folder}/${name}.key`, made.key)
      return new X509Certificate(made.chain).serialNumber
    },
    dial: options =>
      new Promise((resolve, reject) => {
        const socket = connect({ ...address, ca: authority.root, ...options })
        socket.once('error', reject)
        socket.once('secureConnect', () =>
          resolve(Object.assign(wireOf(socket), { serial: socket.getPeerX509Certificate()?.serialNumber ?? '' })),
        )
      }),
  }
}

const ready = (proxy: Edge['proxy']) =>
  until(
    'TLS for users',
    () => adminOf(proxy, '/ready'),
    text => text.includes('tls: ok'),
  )

async function ask(client: Wire): Promise<string> {
  client.clear()
  client.send('GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n')
  return client.until(/hello|\}\n/)
}

test('a gateway shows the certificate of the name that a user asks for, and says https further in', async t => {
  const { proxy, tell, write, dial, heard } = await edge(t)
  const [shop, below, any] = [
    await write('shop', 'shop.example'),
    await write('below', '*.rates.example'),
    await write('any', 'any.example'),
  ]
  tell({
    ...plain,
    certificates: [
      { certFile: 'shop.pem', keyFile: 'shop.key', hosts: ['shop.example'] },
      { certFile: 'below.pem', keyFile: 'below.key', hosts: ['*.rates.example'] },
      { certFile: 'any.pem', keyFile: 'any.key', hosts: [] },
    ],
  })
  await ready(proxy)
  const asked = async (servername: string | undefined) => {
    const checks = { checkServerIdentity: () => undefined }
    const client = await dial(servername === undefined ? checks : { servername, ...checks })
    client.socket.destroy()
    return client.serial
  }

  assert.equal(await asked('shop.example'), shop)
  assert.equal(await asked('SHOP.example'), shop)
  assert.equal(await asked('eu.rates.example'), below)
  assert.equal(await asked('other.example'), any)
  assert.equal(await asked(undefined), any)
  const client = await dial({ servername: 'shop.example' })
  assert.match(await ask(client), /^HTTP\/1\.1 200/)
  assert.match(heard(), /x-forwarded-proto: https\r\n/)
  client.socket.destroy()
})

test('changed files are taken up without cutting a connection, and what does not hold leaves the old ones in force', async t => {
  const { proxy, tell, write, dial, folder } = await edge(t)
  const before = await write('shop', 'shop.example')
  tell({ ...plain, certificates: [{ certFile: 'shop.pem', keyFile: 'shop.key', hosts: [] }] })
  await ready(proxy)
  const early = await dial({ servername: 'shop.example' })
  assert.equal(early.serial, before)
  const serialNow = async () => {
    const client = await dial({ servername: 'shop.example' })
    client.socket.destroy()
    return client.serial
  }

  const after = await write('shop', 'shop.example')
  await until('the new certificate', serialNow, serial => serial === after)
  assert.match(await ask(early), /^HTTP\/1\.1 200/)
  writeFileSync(`${folder}/shop.key`, 'no key')
  const said = await until(
    'a complaint',
    () => adminOf(proxy, '/ready'),
    text => text.includes('tls: away'),
  )

  assert.match(said, /shop\.key/)
  assert.match(said, /^LIVE/)
  assert.equal(await serialNow(), after)
  assert.match(await ask(early), /^HTTP\/1\.1 200/)
  early.socket.destroy()
})

test('a gateway whose files are missing is not ready, says which, and takes nobody', async t => {
  const { proxy, tell, dial } = await edge(t)
  tell({ ...plain, certificates: [{ certFile: 'shop.pem', keyFile: 'shop.key', hosts: [] }] })

  const said = await until(
    'a complaint',
    () => adminOf(proxy, '/ready'),
    text => text.includes('tls: failed'),
  )

  assert.match(said, /^NOT READY/)
  assert.match(said, /shop\.pem: ENOENT/)
  await assert.rejects(dial({ servername: 'shop.example' }))
  assert.ok((await statOf(proxy, 'trimtab_tls_handshake_failures_total', 'reason="no_own_certificate"')) > 0)
})

test('a key of another certificate is refused with the name of both files', async t => {
  const { proxy, tell, write } = await edge(t)
  await write('shop', 'shop.example')
  await write('other', 'other.example')
  tell({ ...plain, certificates: [{ certFile: 'shop.pem', keyFile: 'other.key', hosts: [] }] })

  const said = await until(
    'a complaint',
    () => adminOf(proxy, '/ready'),
    text => text.includes('tls: failed'),
  )

  assert.match(said, /other\.key: it is not the key of shop\.pem/)
})

test('certificates of users are looked at where they are asked for, and wanted where they are required', async t => {
  const { proxy, authority, tell, write, dial, heard, folder } = await edge(t)
  await write('shop', 'shop.example')
  writeFileSync(`${folder}/users.pem`, authority.root)
  const certificates = [{ certFile: 'shop.pem', keyFile: 'shop.key', hosts: [] }]
  const user = await oddCertificate(authority, { names: ['spiffe://public.example/user'] })
  const stranger = await oddCertificate(await testAuthority('strange.example'), {
    names: ['spiffe://strange.example/user'],
  })
  const as = ({ chain, key }: Shown): ConnectionOptions => ({ servername: 'shop.example', cert: chain, key })
  const answered = async (options: ConnectionOptions): Promise<string> => {
    const client = await dial(options)
    const said = await Promise.race([ask(client), client.closed()])
    client.socket.destroy()
    return said
  }

  tell({ ...plain, certificates, clientCaFile: 'users.pem' })
  await ready(proxy)
  assert.match(await answered({ servername: 'shop.example' }), /^HTTP\/1\.1 200/)
  assert.doesNotMatch(heard(), /x-forwarded-client-cert/)
  assert.match(await answered(as(user)), /^HTTP\/1\.1 200/)
  assert.match(
    heard(),
    /x-forwarded-client-cert: Hash=[0-9a-f]{64};Subject="CN=odd";URI=spiffe:\/\/public\.example\/user\r\n/,
  )
  assert.equal(await answered(as(stranger)), '')

  tell({ ...plain, certificates, clientCaFile: 'users.pem', requireClientCertificate: true })
  await until(
    'the new rule',
    () => answered({ servername: 'shop.example' }),
    said => said === '',
  )
  assert.match(await answered(as(user)), /^HTTP\/1\.1 200/)
  assert.ok(
    (await statOf(proxy, 'trimtab_tls_handshake_failures_total', 'side="server"', 'reason="unknown_issuer"')) === 1,
  )
})

test('older TLS than the mesh file says is refused, and clear text told to come by https', async t => {
  const { proxy, tell, write, dial } = await edge(t)
  await write('shop', 'shop.example')
  const certificates = [{ certFile: 'shop.pem', keyFile: 'shop.key', hosts: [] }]
  tell({ ...plain, certificates, minVersion: '1.3' })
  await ready(proxy)

  await assert.rejects(dial({ servername: 'shop.example', maxVersion: 'TLSv1.2' }))
  const said = await askOnce(parseAddress(proxy.addresses['gateway']!)!)

  assert.match(said, /^HTTP\/1\.1 400 [\s\S]*ask by https/)
  const certs = JSON.parse(await adminOf(proxy, '/certs')) as { certificates: { cert_chain: { path: string }[] }[] }
  assert.equal(certs.certificates[0]!.cert_chain[0]!.path, 'shop.pem')
})

test('over TLS 1.2 nothing weaker than authenticated encryption is spoken, and nobody renegotiates', async t => {
  const { write, tell, dial, proxy } = await edge(t)
  await write('shop', 'shop.example')
  tell({ ...plain, certificates: [{ certFile: 'shop.pem', keyFile: 'shop.key', hosts: [] }] })
  await ready(proxy)
  const old = { servername: 'shop.example', maxVersion: 'TLSv1.2' } as const

  await assert.rejects(dial({ ...old, ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384' }))
  const address = parseAddress(proxy.addresses['gateway']!)!
  const asked = await new Promise<Error | null>(resolve => {
    const socket = connect({ ...address, ...old, rejectUnauthorized: false }, () => {
      socket.renegotiate({}, resolve)
    })
    socket.once('error', resolve)
    t.after(() => socket.destroy())
  })
  assert.ok(asked instanceof Error, 'asked for a new handshake, the gateway gave one')
})
