/**
 * A task as its ledger stores it: what calls never change of it, as JSON. A grant repeats its limits for each tool; here
 * each is written once, and each tool names its own by a number. So the size of a task is that of what was asked for,
 * not that times the number of tools.
 */
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import type { ToolGrant } from "./grant.ts"
import type { Task } from "./task.ts"

/** The fields of a task that no call changes, without the key that follows from its agent. */
export type TaskBody = Omit<
  Task,
  "historyKey" | "jkt" | "status" | "endedBy" | "calls" | "children" | "lastCall" | "progress"
>

interface StoredGrant extends Omit<Task["grant"], "tools"> {
  /** By tool: which of `limits`. */
  readonly tools: Readonly<Record<string, number>>
  readonly limits: readonly (Omit<ToolGrant, "bounds"> & { readonly bounds: readonly number[] })[]
  readonly bounds: readonly ArgumentBounds[]
}
type StoredBody = Omit<TaskBody, "grant"> & { readonly grant: StoredGrant }

export function taskText(body: TaskBody): string {
  const [bounds, limits] = [new Numbered<ArgumentBounds>(), new Numbered<StoredGrant["limits"][number]>()]
  const tools = Object.entries(body.grant.tools).map(([name, { action, maxSensitivity, bounds: all }]) => [
    name,
    limits.of({ action, maxSensitivity, bounds: all.map((each) => bounds.of(each)) }),
  ])
  const grant = { ...body.grant, tools: Object.fromEntries(tools), limits: limits.all, bounds: bounds.all }
  return JSON.stringify({ ...body, grant } satisfies StoredBody)
}

export function taskOfText(text: string): TaskBody {
  const { grant, ...body }: StoredBody = JSON.parse(text)
  const { limits, bounds, ...rest } = grant
  const shared = limits.map(({ action, maxSensitivity, bounds: all }): ToolGrant => {
    return { action, maxSensitivity, bounds: all.map((nth) => at(bounds, nth)) }
  })
  const tools = Object.entries(grant.tools).map(([name, nth]) => [name, at(shared, nth)])
  return { ...body, grant: { ...rest, tools: Object.fromEntries(tools) } }
}

function at<Item>(items: readonly Item[], nth: number): Item {
  const item = items[nth]
  if (item === undefined) throw new Error("a stored grant names limits that it does not have")
  return item
}

/** Values, each once, by the order in which they came. */
class Numbered<Value> {
  readonly all: Value[] = []
  readonly #known = new Map<string, number>()

  of(value: Value): number {
    const key = JSON.stringify(value)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#known.set(key, this.all.length)
    return this.all.push(value) - 1
  }
}
