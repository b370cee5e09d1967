/**
 * What Narrowgate puts into every authorization request: which values a fact can have at all, and which facts always
 * exist. From src/core/policy/principals.ts and from what the bundle registers.
 */
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import { keyOf, pathTerm } from "./term.ts"

export interface KnownFacts {
  /** By the key of a fact. */
  readonly values: ReadonlyMap<string, KnownValues>
  /** Facts that are sets, by key: the values that their members can have. */
  readonly members: ReadonlyMap<string, KnownValues>
  /** The least value, by the key of a fact. */
  readonly least: ReadonlyMap<string, number>
}

export interface KnownValues {
  /** What each value names, such as `purpose`. */
  readonly what: string
  readonly names: ReadonlySet<string>
}

/** Records and entities that always exist, and what they always have; by key. */
export const ALWAYS: ReadonlyMap<string, "text" | "number" | "boolean" | "set" | "entity" | "record"> = new Map([
  ...typed("text", ["context.task.id", "context.task.purpose", "context.env.environment", "context.env.gateway"]),
  ...typed("text", ["context.purpose", "context.method", "context.kind"]),
  ...typed("text", ["resource.server", "resource.action", "resource.sensitivity"]),
  ...typed("number", ["context.task.age", "context.task.calls", "context.task.tree_calls", "context.task.depth"]),
  ...typed("number", ["context.risk", "resource.sensitivity_level"]),
  ...typed("boolean", ["context.bound_key"]),
  ...typed("set", ["context.task.labels", "context.chain", "context.approvals", "resource.labels"]),
  ...typed("entity", ["principal", "action", "resource", "context.agent"]),
  ...typed("record", ["context", "context.task", "context.env", "context.arguments"]),
])

function typed<Kind extends string>(kind: Kind, paths: readonly string[]): readonly (readonly [string, Kind])[] {
  return paths.map((path) => [keyOf(pathTerm(path)), kind])
}

const COUNTS = ["context.task.age", "context.task.calls", "context.task.tree_calls", "context.task.depth"]

interface KnownBy extends Pick<BundleBody, "tools"> {
  readonly purposes: readonly { readonly name: string }[]
  readonly gateways: readonly { readonly id: string; readonly environment: string }[]
  readonly approvals: readonly { readonly name: string }[]
}

export function registeredFacts({ purposes, gateways, tools, approvals }: KnownBy): KnownFacts {
  const named = (what: string, names: readonly string[]): KnownValues => ({ what, names: new Set(names) })
  const purpose = named(
    "purpose",
    purposes.map(({ name }) => name),
  )
  const environments = gateways.map(({ environment }) => environment)
  const ids = gateways.map(({ id }) => id)
  // The consent of its user to a task has the name `user`.
  const names = [...approvals.map(({ name }) => name), "user"]
  const labels = tools.flatMap((tool) => tool.labels)
  return {
    values: new Map([
      [keyOf(pathTerm("context.task.purpose")), purpose],
      [keyOf(pathTerm("context.purpose")), purpose],
      [keyOf(pathTerm("context.env.environment")), named("environment of a gateway", environments)],
      [keyOf(pathTerm("context.env.gateway")), named("gateway", ids)],
    ]),
    members: new Map([
      [keyOf(pathTerm("context.task.labels")), named("label of a tool", labels)],
      [keyOf(pathTerm("context.approvals")), named("approval of approvers.yaml", names)],
    ]),
    least: new Map([...COUNTS, "context.session.auth_age", "context.risk"].map((path) => [keyOf(pathTerm(path)), 0])),
  }
}
