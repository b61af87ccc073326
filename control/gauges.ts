import type { Registry } from 'prom-client'
import type { Proxies } from './api/proxies.ts'
import { asked } from './events.ts'
import type { CollectorFeed } from './gather/collector-feed.ts'
import type { Judge } from './judge/judge.ts'
import type { MeshView } from './publish/publication.ts'
import type { SectionBook } from './publish/section-book.ts'
import type { StateStore } from './state/store.ts'

export interface GaugeParts {
  view: MeshView
  judge: Pick<Judge, 'standing' | 'data'>
  proxies: Proxies
  book: SectionBook
  store: StateStore
  feeds: readonly CollectorFeed[]
  meshProblems(): readonly string[]
  tickAgeMs(): number
}

const healthValues = { healthy: 1, probing: 0.5, ejected: 0 } as const

/** What /metrics asks at each scrape. */
export function controlGauges(registry: Registry, parts: GaugeParts): void {
  const { view, judge, proxies, book, store, feeds } = parts
  const standings = () => [...view.config.services.keys()].flatMap(service => judge.standing(service) ?? [])
  const one = (name: string, help: string, value: () => number) =>
    asked(registry, name, help, [], () => [[{}, value()]])

  asked(registry, 'version_weight', 'Weight in force', ['service', 'version'], () =>
    standings().flatMap(({ service, versions }) =>
      [...versions].map(([version, { weight }]): [{ service: string; version: string }, number] => [
        { service, version },
        weight,
      ]),
    ),
  )
  asked(
    registry,
    'version_weight_configured',
    'Weight that the mesh file or a person asks for',
    ['service', 'version'],
    () =>
      standings().flatMap(({ service, versions }) =>
        [...versions].map(([version, { configured }]): [{ service: string; version: string }, number] => [
          { service, version },
          configured,
        ]),
      ),
  )
  asked(
    registry,
    'endpoint_health',
    'Health in force: 1 healthy, 0.5 probing, 0 ejected',
    ['service', 'version', 'endpoint'],
    () =>
      standings().flatMap(({ service, endpoints }) =>
        [...endpoints].map(
          ([endpoint, { version, health }]): [Record<'service' | 'version' | 'endpoint', string>, number] => [
            { service, version, endpoint },
            healthValues[health],
          ],
        ),
      ),
  )
  asked(registry, 'slo_budget_left', 'Share of the error budget that is left, 1 and less', ['service', 'slo'], () =>
    standings().flatMap(({ service, slo }) =>
      slo.map(({ kind, budgetLeft }): [{ service: string; slo: string }, number] => [
        { service, slo: kind },
        budgetLeft,
      ]),
    ),
  )
  asked(registry, 'slo_burn_rate', 'Error ratio over the allowed one, by window', ['service', 'slo', 'window'], () =>
    standings().flatMap(({ service, slo }) =>
      slo.flatMap(({ kind, burn }) =>
        Object.entries(burn).map(([window, rate]): [Record<'service' | 'slo' | 'window', string>, number] => [
          { service, slo: kind, window },
          rate,
        ]),
      ),
    ),
  )
  asked(registry, 'proxies', 'Registered proxies, by how far they are with their snapshot', ['state'], () =>
    Object.entries(proxies.counts()).map(([state, count]): [{ state: string }, number] => [{ state }, count]),
  )
  asked(registry, 'collector_connected', 'Whether the live stream of a collector is read', ['collector'], () =>
    feeds.map(({ url, connected }): [{ collector: string }, number] => [{ collector: url }, connected ? 1 : 0]),
  )
  one('snapshot_bytes', 'Size of all sections in force, serialised', () => book.size().bytes)
  one('snapshot_sections', 'Sections in force', () => book.size().sections)
  one('epoch', 'Epoch of the newest snapshot', () => book.epoch)
  one(
    'tick_age_seconds',
    'Since the last tick of live traffic; grows while no collector is connected',
    () => parts.tickAgeMs() / 1000,
  )
  one('dark', '1 while there is no telemetry and nothing moves', () => (judge.data() === 'dark' ? 1 : 0))
  one('mesh_file_valid', '0 while the mesh file is refused and the one before is in force', () =>
    parts.meshProblems().length === 0 ? 1 : 0,
  )
  one('state_writable', '0 while the state cannot be written', () => (store.failing === undefined ? 1 : 0))
  one('decisions_lost', 'Decisions that could not be written because too many waited', () => store.droppedDecisions)
}
