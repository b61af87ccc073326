import Type from 'typebox'
import { block, count, duration, share, text, word, wordOr } from './fields.ts'

/** How endpoints are chosen, spared and guarded, as a person writes it: balancing, the local fuse, ejection, limits. */

const opt = Type.Optional

export const loadBalancing = block(
  {
    policy: opt(
      word(['round-robin', 'least-request', 'random'], {
        description: 'least-request takes the less busy of two endpoints picked at random.',
        default: 'least-request',
      }),
    ),
    stickiness: opt(
      block(
        {
          header: opt(
            text('fieldName', { description: 'Requests with the same value of this header.', example: 'x-user' }),
          ),
          cookie: opt(
            text('cookieName', { description: 'Requests with the same value of this cookie.', example: 'session' }),
          ),
        },
        {
          description: 'Keeps who belongs together on one version while weights stand; a ramp only adds.',
          atMostOneOf: ['header', 'cookie'],
          atLeastOneOf: ['header', 'cookie'],
          whole: true,
        },
      ),
    ),
  },
  { description: 'How an endpoint is chosen.', default: {} },
)

const ejection = {
  baseEjection: opt(
    duration({
      description: 'How long the first ejection lasts; the n-th lasts n times as long.',
      default: '30s',
      least: '1ms',
    }),
  ),
  maxEjection: opt(duration({ description: 'How long an ejection lasts at most.', default: '5m', least: '1ms' })),
  maxEjected: opt(
    share({ description: 'Share of the endpoints that may be out at once; the first always may.', default: '50%' }),
  ),
}

export const passiveHealthCheck = wordOr(
  ['off'],
  block(
    {
      interval: opt(
        duration({ description: 'Failures further apart than this do not add up.', default: '10s', least: '1ms' }),
      ),
      maxFailures: opt(count(1, 1000, { description: 'Consecutive failures that take an endpoint out.', default: 3 })),
      ...ejection,
      panicBelow: opt(
        share({ description: 'With fewer endpoints healthy than this share, all are used again.', default: '50%' }),
      ),
    },
    { description: 'When a proxy takes an endpoint out for itself.' },
  ),
  {
    description: 'The local fuse: each proxy takes an endpoint out after failures that it saw itself; off for none.',
    default: {},
  },
)

export const outlier = wordOr(['off'], block(ejection, { description: 'When control takes an endpoint out.' }), {
  description:
    'Ejection for the whole fleet: control takes an endpoint out that does worse than its siblings; off for none.',
  default: {},
})

export const limits = block(
  {
    maxConnections: opt(count(1, 1_000_000, { description: 'Connections to the service.', default: 1024 })),
    maxPending: opt(count(0, 1_000_000, { description: 'Requests that wait for a connection.', default: 1024 })),
    maxRequests: opt(count(1, 1_000_000, { description: 'Requests under way.', default: 1024 })),
    maxRetries: opt(count(0, 1_000_000, { description: 'Retries under way.', default: 10 })),
  },
  { description: 'Circuit breaking, per proxy: what is over a limit is answered at once (flag UO).', default: {} },
)
