import Type, { type Static } from 'typebox'
import { block, count, duration, list, named, share, text, textOr, word, wordOr } from './fields.ts'

/** Which requests are meant and where they go, as a person writes it: matches, routes, retries. */

const opt = Type.Optional

export const textMatch = block(
  {
    exact: opt(text('text', { description: 'The whole value.' })),
    prefix: opt(text('text', { description: 'How the value starts.' })),
    regex: opt(text('regex', { description: 'A regular expression that fits the whole value.', example: '[a-z].*' })),
    present: opt(Type.Boolean({ description: 'true: there, whatever its value; false: not there.' })),
  },
  {
    description: 'More than an exact text.',
    atMostOneOf: ['exact', 'prefix', 'regex', 'present'],
    atLeastOneOf: ['exact', 'prefix', 'regex', 'present'],
  },
)
export type TextMatchWritten = Static<typeof textMatch>

export const paths = {
  path: opt(text('path', { description: 'The whole path, without its query.', example: '/api' })),
  pathPrefix: opt(
    text('path', {
      description: 'How the path starts, in whole segments: /api fits /api/x, not /apix.',
      example: '/api/report',
    }),
  ),
  pathRegex: opt(
    text('regex', { description: 'A regular expression that fits the whole path.', example: '/v[0-9]+/.*' }),
  ),
}
export const onePath = ['path', 'pathPrefix', 'pathRegex']
export const methods = list(text('method', { description: 'A method.' }), 20, {
  description: 'Any of these methods; without it, every method.',
  minItems: 1,
  example: '[GET, HEAD]',
})

export const headers = named(
  'fieldName',
  textOr('text', textMatch, { description: 'The exact value, or a block.' }),
  20,
  {
    description: 'Every header named here fits. Names in any case.',
    keysIgnoreCase: true,
    example: '{ x-debug: "1" }',
  },
)

const match = block(
  {
    ...paths,
    hosts: opt(
      list(text('host', { description: 'A host.' }), 100, {
        description: 'Any of these hosts (Host or :authority, without port); *.shop.example is every name below it.',
        minItems: 1,
        example: '[shop.example]',
      }),
    ),
    methods: opt(methods),
    headers: opt(headers),
    query: opt(
      named('text', textOr('text', textMatch, { description: 'The exact value, or a block.' }), 20, {
        description: 'Every query parameter named here fits.',
        example: '{ page: { regex: "[0-9]+" } }',
      }),
    ),
  },
  {
    description: 'What a request must be like: every field that stands must fit.',
    atMostOneOf: onePath,
    atLeastOneOf: [...onePath, 'hosts', 'methods', 'headers', 'query'],
  },
)
export type MatchWritten = Static<typeof match>

const retriesBlock = block(
  {
    attempts: opt(count(0, 10, { description: 'Tries after the first one.', default: 2 })),
    on: opt(
      list(
        word(
          [
            '5xx',
            'gateway-error',
            'connect-failure',
            'refused-stream',
            'reset',
            'retriable-status-codes',
            'cancelled',
            'deadline-exceeded',
            'internal',
            'resource-exhausted',
            'unavailable',
          ],
          { description: 'A condition.' },
        ),
        11,
        {
          description:
            'What is tried again; never a request that cannot be replayed. Of a tcp service, connect-failure alone. The last five are statuses of gRPC: to name one says that calls of gRPC may be sent again.',
          default: ['connect-failure', 'gateway-error', 'reset'],
        },
      ),
    ),
    statusCodes: opt(
      list(count(100, 599, { description: 'A status.' }), 50, {
        description: 'The statuses that retriable-status-codes means.',
        default: [],
        example: '[409, 425]',
      }),
    ),
    perTryTimeout: opt(duration({ description: 'Deadline of one try.', default: '3s', least: '1ms' })),
    budget: opt(share({ description: 'Retries under way, as a share of active requests.', default: '20%' })),
    budgetPerSecond: opt(
      count(0, 100_000, {
        description: 'Retries that are always allowed each second, whatever the budget.',
        default: 10,
      }),
    ),
    backoffBase: opt(
      duration({
        description: 'Longest wait before the first retry; doubles, with full jitter.',
        default: '25ms',
        least: '1ms',
      }),
    ),
    backoffMax: opt(duration({ description: 'Longest wait before any retry.', default: '250ms', least: '1ms' })),
  },
  { description: 'What is tried again, how often and how fast.' },
)
export const retries = wordOr(['off'], retriesBlock, {
  description: 'Retries of failed tries; off for none. What is not written comes from the layer above.',
  default: {},
})

export const timeout = duration({
  description:
    'Deadline of a request over all its tries, to the end of the answer; 0s for none. Of a tcp service: until a connection stands, tries after the first begin before it.',
  default: '15s',
})

const to = block(
  {
    service: opt(
      text('label', {
        description: 'The service. A gateway route must name it; elsewhere, the service itself unless named.',
      }),
    ),
    version: opt(text('version', { description: 'Only this version; without it, the weights decide.' })),
  },
  { description: 'Where it goes.' },
)
const rewrite = block(
  {
    pathPrefix: opt(
      text('path', { description: 'Stands in for match.pathPrefix, which must be written.', example: '/' }),
    ),
    host: opt(text('host', { description: 'The Host that the upstream sees.' })),
  },
  { description: 'What is changed before sending.', atLeastOneOf: ['pathPrefix', 'host'] },
)
const route = block(
  {
    name: opt(
      text('routeName', { description: 'In metrics, spans and explain; <service>-<position> unless written.' }),
    ),
    match: opt(match),
    to: opt(to),
    rewrite: opt(rewrite),
    timeout: opt(
      duration({ description: 'Deadline on this route, 0s for none; the service’s unless written.', example: '2s' }),
    ),
    retries: opt(wordOr(['off'], retriesBlock, { description: 'Changes to the service’s retries on this route.' })),
  },
  { description: 'One route. The first that fits is taken; without `match` it fits every request.' },
)
export type RouteWritten = Static<typeof route>

export const routes = (maximum: number, description: string) => list(route, maximum, { description, default: [] })
