import { createRequire } from 'node:module'
import type * as prometheus from 'prom-client'

/**
 * The parts of prom-client that a proxy uses. All of it brings a copy of OpenTelemetry's API and the cluster module along, for metrics that a
 * proxy does not have, and with them four times what these parts weigh. They have no entrance of their own, so the files are named;
 * prom-client's version is pinned.
 */
const part = createRequire(import.meta.url)

export type Registry<ContentType extends prometheus.RegistryContentType> = prometheus.Registry<ContentType>
export const Registry: typeof prometheus.Registry = part('prom-client/lib/registry.js')
export type Counter<Label extends string> = prometheus.Counter<Label>
export const Counter: typeof prometheus.Counter = part('prom-client/lib/counter.js')
export type Gauge<Label extends string> = prometheus.Gauge<Label>
export const Gauge: typeof prometheus.Gauge = part('prom-client/lib/gauge.js')
