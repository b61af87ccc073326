import type { Plan } from './plan.ts'

/** What a person reads once everything runs. Pure. */
export function screen(
  plan: Plan,
  moved: readonly { what: string; from: number; to: number }[],
  seconds: number,
): string {
  const { gateway, page, control, collector } = plan.urls
  const expense = plan.sidecars.find(({ service }) => service === 'expense')!
  const trip = `${gateway}/api/report/trip/d7fd4bf6-aeb9-45a0-b671-85dfc4d095aa`
  const lines = [
    `Trimtab: the expense-report mesh is up (${seconds.toFixed(1)} s).`,
    '',
    `  page       ${page}`,
    `  gateway    ${gateway}      through it: gateway -> report v2 v3 -> expense v1 v2`,
    `  control    ${control}      API: /openapi.json`,
    `  collector  ${collector}      traces as Zipkin and Jaeger answer: /api/v2/traces, /api/traces`,
    `  metrics    ${expense.urls['metrics']}      of ${expense.instance} and its proxy; every other: ${control}/v1/prometheus/targets`,
    `  admin      ${expense.urls['admin']}      of the same proxy: /clusters /config_dump /stats`,
    '',
    ...moved.map(({ what, from, to }) => `  port ${from} was taken: ${what} listens on ${to} instead`),
    ...(moved.length > 0 ? [''] : []),
    'Try:',
    `  curl -i ${trip}`,
    `  curl ${collector}/api/v2/trace/<the x-trimtab-trace-id of the answer above>`,
    `  for i in 1 2 3 4 5 6; do curl -s ${gateway}/api/report/expense/version; echo; done`,
    '',
    'In a second terminal:',
    '  npm run scene bad-version      expense v2 starts to fail: watch its weight go to 0, and why',
    '  npm run scene bad-host         one host of several fails: it is ejected, its version stays',
    '',
    'Ctrl-C ends everything.',
    '',
  ]
  return lines.join('\n')
}
