/** The position of each task in the picture of its tree: one below the other, each sub-task indented below its parent. */

export interface Member {
  readonly id: string
  readonly parent: string | null
}

export interface Row<Of extends Member> {
  readonly task: Of
  readonly x: number
  readonly y: number
  /** The row of its parent; null if the parent is not in the picture. */
  readonly parent: number | null
}

export const BOX = { width: 276, height: 50 } as const
/** The indent of one level, for at most `MOST_LEVELS` levels. */
const STEP = 22
const MOST_LEVELS = 5
const GAP = 12
const EDGE = 2

export interface Layout<Of extends Member> {
  readonly rows: readonly Row<Of>[]
  readonly width: number
  readonly height: number
  /** The number of tasks that did not fit. */
  readonly hidden: number
}

/**
 * @param tasks in any order; a task whose parent is not among them is at the top
 * @param most the most rows
 * @param wanted the task that is shown in any case, with its ancestors
 */
export function layoutOf<Of extends Member>(tasks: readonly Of[], most: number, wanted: string): Layout<Of> {
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const visible = chosen(byId, most, wanted)
  const below = Map.groupBy(
    tasks.filter(({ id }) => visible.has(id)),
    ({ parent }) => (parent !== null && visible.has(parent) ? parent : null),
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

/** Chooses level by level from the top, so that the ancestors of each chosen task are chosen too. */
function chosen(byId: ReadonlyMap<string, Member>, most: number, wanted: string): ReadonlySet<string> {
  const visible = new Set<string>()
  for (let task = byId.get(wanted); task; task = byId.get(task.parent ?? "")) visible.add(task.id)
  const levels = [...byId.values()].toSorted((a, b) => levelOf(a.id) - levelOf(b.id) || byNumber(a, b))
  for (const { id } of levels) if (visible.size < most) visible.add(id)
  return visible
}

const levelOf = (id: string): number => id.split(".").length

/** Sorts `.9` before `.10`. */
function byNumber(a: Member, b: Member): number {
  return numberOf(a.id) - numberOf(b.id) || (a.id < b.id ? -1 : 1)
}

function numberOf(id: string): number {
  return id.includes(".") ? Number(id.slice(id.lastIndexOf(".") + 1)) : 0
}
