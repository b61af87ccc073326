import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import type { Registration } from '../../protocol/snapshot.ts'
import { intentionsSection } from './intentions.ts'
import { scopesOf } from './scope.ts'
import type { SectionBook } from './section-book.ts'
import {
  gatewayListener,
  type IdentityInForce,
  type InForce,
  identitySection,
  peerSpiffeIdOf,
  sidecarListener,
  telemetrySection,
  upstreamSection,
} from './sections.ts'
import type { SnapshotStreams } from './streams.ts'

/** Everything that sections are made of, as it stands now. */
export interface MeshView {
  config: MeshConfig
  caPems: ReadonlyMap<string, string>
  /** Texts of the key files of token providers, by provider. */
  jwks: ReadonlyMap<string, string>
  registered(service: string): readonly Registration[]
  inForce(service: string): InForce
}

/** In force in the book, not yet sent: what must be written down first can be. */
export interface Prepared {
  epoch: number
  /** Sends what changed to whom it concerns. */
  send(): void
}

export interface Publication {
  /** Writes the upstreams of these services anew. */
  services(names: Iterable<string>, view: MeshView): Prepared
  /** Writes everything anew, as after a change of the mesh file. */
  everything(view: MeshView): Prepared
  /** Writes section `identity` anew for everybody, as after a change of the roots. */
  identity(view: MeshView): Prepared
  /** Makes everything new at a higher epoch, and sends it to everybody. */
  reissue(): void
}

export function publication(
  book: SectionBook,
  streams: SnapshotStreams,
  nextEpoch: () => number,
  urls: { spansUrl: string | undefined; collectorUrl: string | undefined },
  identity: () => IdentityInForce,
): Publication {
  const upstreamOf = (name: string, view: MeshView) => {
    const service = view.config.services.get(name)!
    const peer = peerSpiffeIdOf(view.config, service, identity().dc)
    return upstreamSection(service, view.registered(name), view.inForce(name), view.caPems.get(name), peer)
  }
  const identities = ({ config }: MeshView): [string, unknown][] => {
    const inForce = identity()
    return [...scopesOf(config).keys()].map(scope => [
      `identity/${scope}`,
      identitySection(config, scope.slice(scope.indexOf('/') + 1), inForce),
    ])
  }
  let known = new Set<string>()

  const prepare = (values: Map<string, unknown>, scopes?: ReturnType<typeof scopesOf>): Prepared => {
    const touched = book.change(values, nextEpoch, scopes)
    return { epoch: book.epoch, send: () => streams.publish(touched) }
  }
  return {
    services(names, view) {
      const values = new Map<string, unknown>()
      for (const name of names) {
        const service = view.config.services.get(name)
        if (service) values.set(`upstream/${name}`, upstreamOf(name, view))
      }
      return prepare(values)
    },
    everything(view) {
      const values = new Map<string, unknown>([['telemetry', telemetrySection(view.config, urls)], ...identities(view)])
      for (const [name, service] of view.config.services) {
        values.set(`upstream/${name}`, upstreamOf(name, view))
        if (service.outside) continue
        values.set(`listener/sidecar/${name}`, sidecarListener(view.config, service))
        values.set(`intentions/${name}`, intentionsSection(view.config, name, view.jwks))
      }
      for (const name of view.config.gateways.keys())
        values.set(`listener/gateway/${name}`, gatewayListener(view.config, name))
      const gone = [...known].filter(key => !values.has(key))
      known = new Set(values.keys())
      for (const key of gone) values.set(key, undefined)
      return prepare(values, scopesOf(view.config))
    },
    identity: view => prepare(new Map(identities(view))),
    reissue() {
      book.reissue(nextEpoch())
      streams.publishAll()
    },
  }
}
