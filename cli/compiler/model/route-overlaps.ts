/**
 * Which routes, endpoints and patterns of resources could match the same request. They are indexed by origin and path,
 * so that of thousands only those are compared that could match. `/issues/{issue}/labels` and
 * `/issues/comments/{comment}` could both be `/issues/comments/labels`; but not if `issue` is an integer: the Worker
 * denies a call of the first with any other value, and a call of the second with this one (route.ts).
 */

import { readResourcePattern } from "../../../src/core/catalog/resource-pattern.ts"

export interface Reached {
  readonly origin: string
  readonly methods: readonly string[]
  readonly path: string
  /** Arguments that are integers; absent: none. */
  readonly integers?: readonly string[]
}

/** What a pattern of a server's resources matches; null if it is no pattern. */
export function reachedByPattern(server: string, pattern: string): Reached | null {
  const read = readResourcePattern(pattern)
  if ("objection" in read) return null
  const segments = read.parts.map((part) =>
    part.kind === "literal" ? part.text : part.kind === "rest" ? REST : PARAMETER,
  )
  // No origin has a blank, so no route is alike.
  return { origin: `${server} ${read.frame}`, methods: ["resources/read"], path: segments.join("/") }
}

interface Filed<Item> {
  readonly reached: Reached
  readonly item: Item
  readonly order: number
}

interface Node<Item> {
  readonly below: Map<string, Node<Item>>
  readonly filed: Filed<Item>[]
}

const PARAMETER = "{}"
/** At the end of a pattern: one segment or more. */
const REST = "{+}"

export class Overlaps<Item> {
  readonly #origins = new Map<string, Node<Item>>()
  #count = 0

  add(reached: Reached, item: Item): void {
    let node = childOf(this.#origins, reached.origin)
    for (const segment of segmentsOf(reached)) node = childOf(node.below, segment)
    node.filed.push({ reached, item, order: this.#count++ })
  }

  /**
   * The routes that could match its requests as well, neither being more specific; in the order in which they were
   * added.
   */
  clashing(reached: Reached): readonly Item[] {
    return this.#with(reached, (other) => isSpecial(reached, other) === isSpecial(other, reached))
  }

  /** The routes from which `reached` takes requests because it is more specific: `/a/{x}` if it is `/a/b`. */
  around(reached: Reached): readonly Item[] {
    return this.#with(reached, (other) => isSpecial(reached, other) && !isSpecial(other, reached))
  }

  #with(reached: Reached, isMeant: (other: Reached) => boolean): readonly Item[] {
    const origin = this.#origins.get(reached.origin)
    let nodes: readonly Node<Item>[] = origin ? [origin] : []
    const ending: Node<Item>[] = []
    for (const segment of segmentsOf(reached)) {
      ending.push(...nodes.flatMap(({ below }) => (segment === REST ? [] : (below.get(REST) ?? []))))
      nodes = nodes.flatMap((node) => fitting(node, segment))
    }
    return [...nodes, ...ending]
      .flatMap(({ filed }) => filed)
      .filter(
        ({ reached: other }) =>
          other.methods.some((method) => reached.methods.includes(method)) &&
          !areDistinct(reached, other) &&
          !areDistinct(other, reached) &&
          isMeant(other),
      )
      .toSorted((a, b) => a.order - b.order)
      .map(({ item }) => item)
  }
}

function childOf<Item>(children: Map<string, Node<Item>>, key: string): Node<Item> {
  const existing = children.get(key)
  if (existing) return existing
  const child: Node<Item> = { below: new Map(), filed: [] }
  children.set(key, child)
  return child
}

function fitting<Item>({ below }: Node<Item>, segment: string): readonly Node<Item>[] {
  if (segment === REST) return [...below.values()].flatMap(allFrom)
  if (segment === PARAMETER) return [...below].flatMap(([key, node]) => (key === REST ? [] : [node]))
  return [below.get(segment), below.get(PARAMETER)].filter((node) => node !== undefined)
}

function allFrom<Item>(node: Node<Item>): readonly Node<Item>[] {
  return [node].concat([...node.below.values()].flatMap(allFrom))
}

/** Whatever the names of its parameters. */
function segmentsOf({ path }: Pick<Reached, "path">): readonly string[] {
  return path
    .split("/")
    .map((segment) => (segment.startsWith("{+") ? REST : isParameter(segment) ? PARAMETER : segment))
}

/**
 * Whether some place distinguishes requests of `a` from those of `b`: it is an integer of `a`, which no reader takes for
 * what `b` has there.
 */
function areDistinct(a: Reached, b: Reached): boolean {
  const { integers = [] } = a
  if (integers.length === 0) return false
  const others = b.path.split("/")
  return a.path.split("/").some((segment, index) => {
    const other = others[index] ?? ""
    return (
      integers.includes(segment.slice(1, -1)) &&
      isParameter(segment) &&
      !isParameter(other) &&
      !BEGINS_AS_NUMBER.test(other)
    )
  })
}

/** Lenient readers take `2fa` for 2, `+7` and `007` for 7, and digits of any script for a number. */
const BEGINS_AS_NUMBER = /^[^\p{L}]*\p{N}/u

const isParameter = (segment: string): boolean => segment.startsWith("{")

/** Whether `a` of two that overlap is narrower than `b` at some place: a literal than a parameter, that than a rest. */
function isSpecial(a: Reached, b: Reached): boolean {
  const [own, others] = [segmentsOf(a), segmentsOf(b)]
  return own.some((_, index) => width(own, index) < width(others, index))
}

function width(segments: readonly string[], index: number): number {
  const segment = segments[index] ?? segments.at(-1)
  return segment === REST ? 2 : segment === PARAMETER ? 1 : 0
}
