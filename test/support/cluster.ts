import type { Upstream } from '../../protocol/snapshot.ts'
import { answerWith } from '../../proxy/accept/proxy-answer.ts'
import { Cluster } from '../../proxy/send/cluster.ts'
import { DEFAULT_HTTP2_UPSTREAM } from '../../proxy/send/http2-settings.ts'
import { silentLog } from '../../runtime/log.ts'
import type { ManualClock } from './manual-clock.ts'

/** A cluster that nobody connects to. `random` always the same: a back-off lasts that share of its longest. */
export function clusterOf(upstream: Upstream, clock: ManualClock, random = 0.5): Cluster {
  return new Cluster(upstream.service, upstream, {
    clock,
    random: () => random,
    log: silentLog,
    http2: DEFAULT_HTTP2_UPSTREAM,
    refuse: answerWith,
    connect: () => {
      throw new Error('nothing is to be connected to')
    },
  })
}
