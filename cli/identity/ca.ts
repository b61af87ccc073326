import type { AuthorityStatus } from '../../control/identity/identity-status.ts'
import { settingsOrExit, usageError } from '../../runtime/command.ts'
import { flag } from '../../runtime/setting-readers.ts'
import type { Invocation } from '../../runtime/settings.ts'
import { asking, askSettings, controlUrl, getJson, postJson, tokenOf } from '../ask/client.ts'
import { columns } from './columns.ts'

const program = {
  name: 'trimtab ca',
  summary:
    'The certificate authority of the mesh: how it stands, a new root without a drop, and what to do when its key is lost.',
  envPrefix: 'TRIMTAB',
  operands: 'status | rotate | reset',
  examples: [
    'trimtab ca status',
    'trimtab ca rotate      both roots are trusted until no certificate of the old one is valid any more',
    'trimtab ca reset       only when the key of the root is lost: every proxy then needs a new join token',
  ],
}
const settings = { ...askSettings, json: { flag: '--json', describe: 'as JSON', read: flag, default: false } } as const

const told = {
  rotate:
    'a new root is on its way: trimtab ca status tells how far it is. Join tokens that were made before end with the old root: make new ones.',
  reset:
    'a new root is in force. Give every proxy a new join token and start it again before its certificate ends: trimtab ca status says when.',
} as const

export async function caCommand(invocation: Invocation): Promise<void> {
  const { values, operands } = settingsOrExit(program, settings, invocation)
  const [action, ...more] = operands
  const token = () => tokenOf(values)
  if (more.length > 0 || (action !== 'status' && action !== 'rotate' && action !== 'reset'))
    usageError(
      program.name,
      `found ${JSON.stringify(operands.join(' '))}, allowed: ${program.operands} (see ${program.name} --help)`,
    )
  await asking(program.name, async () => {
    if (action === 'status') {
      const status = await getJson<AuthorityStatus>(new URL('/v1/identity', controlUrl(values)), token())
      process.stdout.write(`${values.json ? JSON.stringify(status) : describe(status)}\n`)
      return
    }
    const { root } = await postJson<{ root: string }>(
      new URL('/v1/identity/rotation', controlUrl(values)),
      { action },
      token(),
    )
    process.stdout.write(`${values.json ? JSON.stringify({ root }) : `${root.slice(0, 16)}: ${told[action]}`}\n`)
  })
}

const steps = {
  steady: 'steady',
  spreading: 'a new root is told to every proxy; certificates still come from the old one',
  renewing: 'certificates come from the new root; the old one is trusted until its last certificate ends',
} as const

function describe({ kind, locked, step, roots, behind, own, services }: AuthorityStatus): string {
  return [
    `${kind === 'outside' ? 'an authority from outside' : "control's own authority"}: ${steps[step]}`,
    ...(locked ? [`NO CERTIFICATE CAN BE ISSUED: ${locked.reason}. ${locked.hint}`] : []),
    '',
    columns([
      ['ROOT', 'UNTIL', 'ISSUES', 'CERTIFICATES', 'THE LAST UNTIL', 'PIN'],
      ...roots.map(root => [
        root.fingerprint.slice(0, 16),
        root.until,
        root.issues ? 'yes' : 'no',
        String(root.certificates),
        root.certificatesUntil ?? '-',
        root.pin,
      ]),
    ]),
    '',
    columns([
      ['SERVICE', 'CERTIFICATES', 'OF THE OLD ROOT', 'SOONEST END'],
      ...services.map(({ service, certificates, ofOldRoot, until }) => [
        service,
        String(certificates),
        String(ofOldRoot),
        until,
      ]),
      ['(control)', own.until === null ? '0' : '1', '', own.until ?? '-'],
    ]),
    ...(behind.length > 0 ? ['', `has not applied the new root: ${behind.join(', ')}`] : []),
  ].join('\n')
}
