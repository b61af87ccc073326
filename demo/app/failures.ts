import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import type { Logger } from 'pino'

/** The body of every answer that is not a success. */
interface FailureBody {
  error: string
  message: string
  /** Everything that is wrong with the request, not the first thing only. */
  problems?: string[]
}

export function fail(
  reply: FastifyReply,
  status: number,
  error: string,
  message: string,
  problems?: string[],
): FastifyReply {
  const body: FailureBody = { error, message }
  if (problems !== undefined) body.problems = problems
  return reply.code(status).send(body)
}

/**
 * The one place where an error that escaped a handler becomes an HTTP answer.
 * @param routes the patterns of the service's routes, named to a caller who asks for another
 */
export function answerFailures(app: FastifyInstance, routes: ReadonlySet<string>, log: Logger): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    if (error.validation !== undefined) {
      const problems = error.validation.map(describeProblem)
      return fail(
        reply,
        400,
        'bad-request',
        `Wrong ${error.validationContext ?? 'request'} for ${request.method} ${routeOf(request.routeOptions.url)}; see problems.`,
        problems,
      )
    }
    const status = error.statusCode ?? 500
    if (status < 500) return fail(reply, status, 'bad-request', error.message)
    log.error(
      { err: error, route: routeOf(request.routeOptions.url) },
      'a request failed for a reason that nobody foresaw',
    )
    if (error.code === 'ERR_SQLITE_ERROR')
      return fail(reply, 503, 'database-failed', `The database did not answer: ${error.message}.`)
    return fail(reply, 500, 'internal', 'The service failed; its log tells why.')
  })
  app.setNotFoundHandler((request, reply) =>
    fail(reply, 404, 'no-such-route', `There is no ${request.method} at this path. Known: ${[...routes].join(', ')}.`),
  )
}

/** The label of a route: its pattern, or one word for everything that no route matched. */
export function routeOf(pattern: string | undefined): string {
  return pattern ?? 'unmatched'
}

/** A finding of the schema validator, as Ajv reports it with `verbose`. */
interface Problem {
  instancePath: string
  message?: string
  keyword: string
  params: Record<string, unknown>
  data?: unknown
  parentSchema?: { properties?: object }
}

const FOUND_CHARS_MAX = 60

/** Field, what is allowed, what was found: `errorRate must be <= 1, found 1.5`. */
export function describeProblem(problem: Problem): string {
  const field = problem.instancePath === '' ? 'it' : problem.instancePath.slice(1).replaceAll('/', '.')
  if (problem.keyword === 'additionalProperties') {
    const allowed = Object.keys(problem.parentSchema?.properties ?? {}).join(', ')
    return `unknown field ${JSON.stringify(problem.params['additionalProperty'])}; allowed: ${allowed}`
  }
  const found = JSON.stringify(problem.data)
  const shown =
    found === undefined || problem.keyword === 'required' ? '' : `, found ${found.slice(0, FOUND_CHARS_MAX)}`
  return `${field} ${problem.message ?? 'is not allowed'}${shown}`
}
