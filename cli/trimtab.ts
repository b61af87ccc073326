import type { Invocation } from '../runtime/settings.ts'

/** The `trimtab` command. Each command is loaded when it is asked for, so that a sidecar pays for its own code only. */

type Command = (invocation: Invocation) => Promise<void>

interface Entry {
  summary: string
  load: () => Promise<Command>
}

const commands: Record<string, Entry> = {
  up: {
    summary: 'start the whole demo mesh on this machine',
    load: async () => (await import('./up/up.ts')).upCommand,
  },
  proxy: {
    summary: 'run a proxy: sidecar, gateway, or alone',
    load: async () => (await import('../proxy/main.ts')).proxyCommand,
  },
  collector: {
    summary: 'run the collector',
    load: async () => (await import('../collector/main.ts')).collectorCommand,
  },
  control: { summary: 'run control', load: async () => (await import('../control/main.ts')).controlCommand },
  status: {
    summary: 'services, versions, weights, rates, last decisions',
    load: async () => (await import('./ask/status.ts')).statusCommand,
  },
  decisions: {
    summary: 'why weights moved and hosts left',
    load: async () => (await import('./ask/decisions.ts')).decisionsCommand,
  },
  explain: {
    summary: 'which route, version, endpoint and intention a request would meet',
    load: async () => (await import('./ask/explain.ts')).explainCommand,
  },
  config: { summary: 'check or show a mesh file', load: async () => (await import('./ask/config.ts')).configCommand },
  token: {
    summary: 'make, list and revoke tokens for proxies and people',
    load: async () => (await import('./identity/token.ts')).tokenCommand,
  },
  ca: {
    summary: 'the certificate authority: status, rotate, reset',
    load: async () => (await import('./identity/ca.ts')).caCommand,
  },
  audit: {
    summary: 'every change that was asked for: who, what, from where',
    load: async () => (await import('./identity/audit.ts')).auditCommand,
  },
  scene: {
    summary: 'play a scene on the demo mesh and tell what happens',
    load: async () => (await import('./scene/scene.ts')).sceneCommand,
  },
}

const help = `Usage: trimtab <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(11)}${summary}`)
  .join('\n')}

trimtab <command> --help tells more.

Examples:
  trimtab up
  trimtab scene bad-version
  trimtab proxy --listen 127.0.0.1:15001 --to 127.0.0.1:8081
`

async function main(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help)
    process.exitCode = name === undefined ? 2 : 0
    return
  }
  if (name === '--version' || name === '-V') {
    const { programVersion } = await import('../runtime/program-version.ts')
    process.stdout.write(`${programVersion}\n`)
    return
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry === undefined) {
    process.stderr.write(
      `trimtab: there is no command ${name}, allowed: ${Object.keys(commands).join(', ')} (see trimtab --help)\n`,
    )
    process.exitCode = 2
    return
  }
  const command = await entry.load()
  await command({ argv: rest, env: process.env })
}

// `trimtab decisions | head -1`: a reader that has enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

await main(process.argv.slice(2))
