import { settingsOrExit, usageError } from '../../runtime/command.ts'
import { exitCode } from '../../runtime/lifecycle.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { AskError, askSettings } from '../ask/client.ts'
import { certificateRotation, rootRotation } from './certificates.ts'
import { deny } from './deny.ts'
import { badHost, badVersion } from './faults.ts'
import { openStage, type Stage } from './stage.ts'
import { collectorDown, controlDown, route, split } from './ways.ts'

const scenes: Record<string, { tells: string; play: (stage: Stage) => Promise<void> }> = {
  split: { tells: 'the weights at work', play: split },
  route: { tells: 'headers choose the version', play: route },
  'bad-version': { tells: 'expense v2 fails: its weight goes to 0, and comes back', play: badVersion },
  'bad-host': { tells: 'one host fails: it is ejected, its version keeps its weight', play: badHost },
  'cert-rotation': { tells: 'every proxy renews its certificate: no request is lost', play: certificateRotation },
  'root-rotation': { tells: 'the root of the mesh is replaced: no request is lost', play: rootRotation },
  deny: { tells: 'who may call whom: GET allowed, DELETE denied and told why', play: deny },
  'control-down': { tells: 'control is killed: traffic goes on', play: controlDown },
  'collector-down': { tells: 'the collector is killed: traffic goes on, weights freeze', play: collectorDown },
}

const program = {
  name: 'trimtab scene',
  summary: `Plays a scene on the demo mesh that is up in this folder, and tells what to look at:\n${Object.entries(
    scenes,
  )
    .map(([name, { tells }]) => `  ${name.padEnd(16)}${tells}`)
    .join('\n')}`,
  envPrefix: 'TRIMTAB',
  operands: Object.keys(scenes).join(' | '),
  examples: ['npm run scene bad-version', 'npm run scene bad-host'],
}

const settings = { data: askSettings.data } as const

/** Exit code 0: the scene ended as told; 1: it did not. */
export async function sceneCommand(invocation: Invocation): Promise<void> {
  const { values, operands } = settingsOrExit(program, settings, invocation)
  const [name] = operands
  const scene = name !== undefined && Object.hasOwn(scenes, name) ? scenes[name] : undefined
  if (scene === undefined || operands.length > 1)
    usageError(program.name, `found ${JSON.stringify(operands.join(' '))}, allowed: ${program.operands}`)
  try {
    await scene.play(openStage(values.data, text => process.stdout.write(`${text}\n`)))
    process.exit(exitCode.done)
  } catch (error) {
    if (!(error instanceof AskError)) throw error
    process.stderr.write(`${program.name} ${name}: ${error.message}\n`)
    process.exit(exitCode.failed)
  }
}
