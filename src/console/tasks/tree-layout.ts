/** Where each task of a tree is in its picture: one below the other, children further in than their parents. */

export interface Member {
  readonly id: string
  readonly parent: string | null
}

export interface Row<Of extends Member> {
  readonly task: Of
  readonly x: number
  readonly y: number
  /** Row of its parent; null: it has none here. */
  readonly parent: number | null
}

export const BOX = { width: 276, height: 50 } as const
/** Further in for each level; deeper than `MOST_LEVELS` no more. */
const STEP = 22
const MOST_LEVELS = 5
const GAP = 12
const EDGE = 2

export interface Layout<Of extends Member> {
  readonly rows: readonly Row<Of>[]
  readonly width: number
  readonly height: number
  /** Tasks that found no room. */
  readonly hidden: number
}

/**
 * @param tasks any order; one whose parent is not among them is at the top
 * @param most rows
 * @param wanted a task that is shown whatever else is, with those above it
 */
export function layoutOf<Of extends Member>(tasks: readonly Of[], most: number, wanted: string): Layout<Of> {
  const known = new Map(tasks.map((task) => [task.id, task]))
  const kept = chosen(known, most, wanted)
  const below = Map.groupBy(
    tasks.filter(({ id }) => kept.has(id)),
    ({ parent }) => (parent !== null && kept.has(parent) ? parent : null),
  )
  const rows: Row<Of>[] = []
  const place = (parent: string | null, above: number | null, level: number): void => {
    for (const task of (below.get(parent) ?? []).toSorted(byNumber)) {
      const row = rows.length
      rows.push({
        task,
        x: EDGE + STEP * Math.min(level, MOST_LEVELS),
        y: EDGE + row * (BOX.height + GAP),
        parent: above,
      })
      place(task.id, row, level + 1)
    }
  }
  place(null, null, 0)
  const width = Math.max(0, ...rows.map(({ x }) => x)) + BOX.width + EDGE
  const height = Math.max(0, rows.length * (BOX.height + GAP) - GAP) + 2 * EDGE
  return { rows, width, height, hidden: tasks.length - rows.length }
}

/** Level by level from the top, so that of each of them those above it are there. */
function chosen(known: ReadonlyMap<string, Member>, most: number, wanted: string): ReadonlySet<string> {
  const kept = new Set<string>()
  for (let task = known.get(wanted); task; task = known.get(task.parent ?? "")) kept.add(task.id)
  const levels = [...known.values()].toSorted((a, b) => levelOf(a.id) - levelOf(b.id) || byNumber(a, b))
  for (const { id } of levels) if (kept.size < most) kept.add(id)
  return kept
}

const levelOf = (id: string): number => id.split(".").length

/** `.9` before `.10`. */
function byNumber(a: Member, b: Member): number {
  return numberOf(a.id) - numberOf(b.id) || (a.id < b.id ? -1 : 1)
}

function numberOf(id: string): number {
  return id.includes(".") ? Number(id.slice(id.lastIndexOf(".") + 1)) : 0
}
