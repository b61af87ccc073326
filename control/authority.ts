import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { ControlSettings } from './config.ts'
import type { Authorities } from './identity/authorities.ts'
import { builtInAuthority } from './identity/built-in-authority.ts'
import { outsideAuthority, readOutside } from './identity/outside-authority.ts'
import { readSecret } from './identity/secret.ts'
import type { IdentityStore } from './state/identity-store.ts'

const ROOT_LIFETIME_MS = 10 * 365 * 86_400_000

/** The authority that the settings ask for: from outside when they name its files, else control's own. Throws with what to do. */
export async function openAuthority(
  settings: ControlSettings,
  store: IdentityStore,
  clock: Clock,
  trustDomain: () => string,
): Promise<Authorities> {
  const { caCertificate, caPrivateKey, caRoot, caSecret } = settings
  if (caCertificate === undefined && caPrivateKey === undefined && caRoot === undefined)
    return await builtInAuthority({
      store,
      secret: mayMake => readSecret(join(settings.data, 'ca-key'), caSecret, mayMake),
      trustDomain,
      nowMs: clock.wall(),
      rootLifetimeMs: ROOT_LIFETIME_MS,
      randomBytes,
    })
  if (caCertificate === undefined || caPrivateKey === undefined)
    throw new Error('an authority from outside needs both: --ca-certificate FILE and --ca-private-key FILE')
  const read = readOutside(
    {
      certificate: readFileSync(caCertificate, 'utf8'),
      privateKey: readFileSync(caPrivateKey, 'utf8'),
      passphrase: caSecret,
      roots: caRoot === undefined ? undefined : readFileSync(caRoot, 'utf8'),
    },
    clock.wall(),
  )
  if (read.status === 'refused')
    throw new Error(`the authority of --ca-certificate ${caCertificate} is not taken: ${read.reason}`)
  return outsideAuthority(read)
}
