/** Request header: the instances whose scrape this fetch is part of, the latest last. */
export const scrapedByHeader = 'x-trimtab-scraped-by'
/** Answer header: the instance that gave the answer. */
export const instanceHeader = 'x-trimtab-instance'

/** Merged endpoints that merge each other: a chain longer than this is a mistake. */
const chainMax = 8

/** The instances named by the request header; an overlong header counts as a chain too long. */
export function readChain(header: string | undefined): string[] {
  return (header ?? '')
    .split(',', chainMax + 1)
    .map(instance => instance.trim())
    .filter(instance => instance !== '')
}

/** Whether answering would ask a source that waits for this very answer. */
export function closesLoop(chain: readonly string[], instance: string): boolean {
  return chain.includes(instance) || chain.length > chainMax
}
