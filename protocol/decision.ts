import Type, { type Static } from 'typebox'
import { readerOf } from './read.ts'

/** Decision: why a weight moved or an endpoint left. Control's log is the truth; the collector keeps a copy to be asked. */

export const DecisionAction = Type.Union([
  Type.Literal('shift'), // a version's weight moved
  Type.Literal('restore'), // a weight or an endpoint is (partly) back
  Type.Literal('eject'), // an endpoint left
  Type.Literal('probe'), // an ejected endpoint gets a trickle
  Type.Literal('freeze'), // no telemetry: nothing moves
  Type.Literal('thaw'),
  Type.Literal('common-cause'), // all versions suffer alike: nobody is blamed
  Type.Literal('manual'), // a person did it
  Type.Literal('config'), // the mesh file changed it
])
export type DecisionAction = Static<typeof DecisionAction>

/** traffic: judged on requests; idle: nobody asked; dark: no telemetry. */
export const DataState = Type.Union([Type.Literal('traffic'), Type.Literal('idle'), Type.Literal('dark')])
export type DataState = Static<typeof DataState>

export const Decision = Type.Object({
  id: Type.Integer({ minimum: 0 }),
  /** RFC 3339 with milliseconds. */
  time: Type.String(),
  service: Type.String(),
  version: Type.Optional(Type.String()),
  endpoint: Type.Optional(Type.String()),
  action: DecisionAction,
  /** What was and what is: weights by version, or the endpoint's health. */
  from: Type.Unknown(),
  to: Type.Unknown(),
  /** One sentence with its numbers. */
  reason: Type.String(),
  metric: Type.String(),
  observed: Type.Number(),
  threshold: Type.Number(),
  /** Counts and statistics behind it, by name. */
  evidence: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String()])),
  windowMs: Type.Number(),
  data: DataState,
  /** `judge`, or who: `file`, `person:<name>`. */
  actor: Type.String(),
  /** In dry-run the decision is written and nothing moves. */
  dryRun: Type.Boolean(),
  traces: Type.Array(Type.String()),
  epoch: Type.Integer({ minimum: 0 }),
})
export type Decision = Static<typeof Decision>

export const readDecision = readerOf(Decision, 256 * 1024)
