import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Catalog } from '../gather/catalog.ts'

/** As Prometheus reads it: https://prometheus.io/docs/prometheus/latest/http_sd/ */
const Targets = Type.Array(
  Type.Object({ targets: Type.Array(Type.String()), labels: Type.Record(Type.String(), Type.String()) }),
)

/** GET /v1/prometheus/targets: the merged metrics of every registered proxy. */
export function prometheusTargets(app: FastifyInstance, catalog: Catalog, mesh: () => string): void {
  app.get(
    '/v1/prometheus/targets',
    {
      config: {
        doc: {
          summary: 'Merged metrics of every proxy, for Prometheus http_sd_configs',
          door: 'reader',
          answer: Targets,
        },
      },
    },
    async () =>
      [...catalog.all()].flatMap(({ registration: { metrics, service, version, instance, kind } }) =>
        metrics === undefined
          ? []
          : [{ targets: [metrics], labels: { mesh: mesh(), service, version, instance, kind } }],
      ),
  )
}
