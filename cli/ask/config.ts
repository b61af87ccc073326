import { formatEffective } from '../../protocol/mesh-config/effective.ts'
import { settingsOrExit, usageError } from '../../runtime/command.ts'
import { flag } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { meshConfigOrExit } from '../mesh-file.ts'

const program = {
  name: 'trimtab config',
  summary: 'Checks a mesh file, or shows it with every default filled in.',
  envPrefix: 'TRIMTAB',
  operands: 'check FILE | show FILE --effective',
  examples: ['trimtab config check mesh.yaml', 'trimtab config show --effective mesh.yaml'],
}
const settings = {
  effective: { flag: '--effective', describe: 'show: with every default filled in', read: flag, default: false },
} as const

/** Exit code 0: the file holds; 1: it does not, every problem is on stderr with its line. */
export async function configCommand(invocation: Invocation): Promise<void> {
  const { operands } = settingsOrExit(program, settings, invocation)
  const [verb, file = 'mesh.yaml', ...rest] = operands
  if ((verb !== 'check' && verb !== 'show') || rest.length > 0)
    usageError(
      program.name,
      `found ${JSON.stringify(operands.join(' '))}, allowed: ${program.operands} (see ${program.name} --help)`,
    )
  const config = meshConfigOrExit(`${program.name} ${verb}`, file)
  if (verb === 'show') process.stdout.write(formatEffective(config))
  else
    process.stdout.write(
      `${file} holds: mesh ${config.mesh}, ${config.services.size} services, ${config.gateways.size} gateways\n`,
    )
}
