import { type Alias, type Document, isAlias, isCollection, isPair, type Node } from 'yaml'
import { either } from './problem.ts'

const depthMax = 32
const aliasesMax = 1000

export type Aliases =
  | { status: 'ok'; targets: ReadonlyMap<Alias, Node> }
  | { status: 'refused'; node: Node; found: string; allowed: string }

type Finding = {
  anchors: Map<string, Node>
  /** Nodes that are not complete yet: an alias of one of them would contain itself. */
  open: Set<Node>
  targets: Map<Alias, Node>
  refused: Aliases | undefined
}

/**
 * What each alias stands for: the last anchor of its name before it, found in one pass. (The yaml package would search the whole
 * document for each.) Refuses endless and too many aliases and too deep nesting; aliases of aliases cannot blow up either, since
 * check.ts bounds how many nodes it visits.
 */
export function findAliases(document: Document): Aliases {
  const finding: Finding = { anchors: new Map(), open: new Set(), targets: new Map(), refused: undefined }
  visit(finding, document.contents, 0)
  return finding.refused ?? { status: 'ok', targets: finding.targets }
}

function visit(finding: Finding, node: unknown, depth: number): void {
  if (finding.refused !== undefined || node === null || node === undefined) return
  if (isPair(node)) {
    visit(finding, node.key, depth)
    visit(finding, node.value, depth)
    return
  }
  const here = node as Node
  if (isAlias(here)) {
    takeAlias(finding, here)
    return
  }
  if (depth > depthMax) refuse(finding, here, 'deeper nesting', `at most ${depthMax} levels`)
  if ('anchor' in here && typeof here.anchor === 'string') finding.anchors.set(here.anchor, here)
  if (!isCollection(here)) return
  finding.open.add(here)
  for (const item of here.items) visit(finding, item, depth + 1)
  finding.open.delete(here)
}

function takeAlias(finding: Finding, alias: Alias): void {
  const { anchors, open, targets } = finding
  const target = anchors.get(alias.source)
  if (target === undefined) {
    const known = either([...anchors.keys()].slice(0, 10))
    refuse(
      finding,
      alias,
      `*${alias.source}`,
      known === '' ? 'no alias: nothing above has an anchor' : `an alias of ${known}`,
    )
  } else if (open.has(target)) {
    refuse(finding, alias, `*${alias.source} inside what it stands for`, 'an alias of something complete')
  } else if (targets.size >= aliasesMax) {
    refuse(finding, alias, `more than ${aliasesMax} aliases`, `at most ${aliasesMax}`)
  } else targets.set(alias, target)
}

function refuse(finding: Finding, node: Node, found: string, allowed: string): void {
  finding.refused ??= { status: 'refused', node, found, allowed }
}
