/**
 * Plays a client of a proxy whose machine vanishes without a farewell, in network namespaces that end with this process: to be run as
 * `unshare --user --map-root-user --net node test/support/vanished-client.ts <keepalive>`. Tells on stdout the proxy's access log line of
 * the client's connection.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { formatAddress, listen } from '../../runtime/address.ts'

const PORT = 5432
const OURS = '10.99.0.1'
const THEIRS = '10.99.0.2'

const ip = (...words: string[]) => execFileSync('ip', words)
const keepalive = process.argv[2] ?? '1s'
const quiet = ['ignore', 'pipe', 'inherit'] as const

ip('link', 'set', 'lo', 'up')
const store = createServer(socket => void socket.on('error', () => {}).pipe(socket))
const upstream = formatAddress(await listen(store, { host: '127.0.0.1', port: 0 }))
// biome-ignore format: one flag with its value
const flags = ['--listen', `0.0.0.0:${PORT}`, '--to', `tcp://${upstream}`, '--tcp-keepalive', keepalive, '--access-log', 'json',
  '--metrics', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-level', 'info', '--until-parent-gone']
const proxy = spawn(process.execPath, ['cli/trimtab.ts', 'proxy', ...flags], { stdio: [...quiet] })
const said = createInterface({ input: proxy.stdout })
await once(said, 'line')

// The client has a namespace of its own, joined with ours by a cable that can be cut.
const connects = `require('net').connect(${PORT}, '${OURS}', function () { this.write('ping') }).on('data', text => console.log(String(text)))`
const waits = `process.stdin.once('data', () => { ${connects} }).on('end', () => process.exit())`
const client = spawn('unshare', ['--net', process.execPath, '-e', `console.log('here'); ${waits}`], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const heard = createInterface({ input: client.stdout })
await once(heard, 'line')
ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far', 'netns', String(client.pid))
ip('address', 'add', `${OURS}/24`, 'dev', 'near')
ip('link', 'set', 'near', 'up')
const there = ['--target', String(client.pid), '--net', 'ip']
execFileSync('nsenter', [...there, 'address', 'add', `${THEIRS}/24`, 'dev', 'far'])
execFileSync('nsenter', [...there, 'link', 'set', 'far', 'up'])
client.stdin.write('go\n')
await once(heard, 'line')
execFileSync('nsenter', [...there, 'link', 'set', 'far', 'down'])

for await (const line of said) {
  if (!('flags' in (JSON.parse(line) as object))) continue
  console.log(line)
  break
}
client.kill('SIGKILL')
proxy.kill('SIGTERM')
await once(proxy, 'exit')
process.exit(0)
