/**
 * What selectors, fields and amounts mean, written anew from docs/guides/guardrails.md and simply: the part of the
 * guardrails' model that looks at one call alone.
 */
import type { CallArguments } from "../../src/core/catalog/arguments.ts"
import type { ArgumentBound } from "../../src/core/catalog/bounds/definition.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { Field, Selector } from "../../src/core/guardrails/definition.ts"
import { meetsAll } from "./reference.ts"

/** A call as the model sees it. */
export interface ModelCall {
  readonly id: string
  readonly task: string
  readonly agent: string
  /** The calling agent, and those above it up to the root's. */
  readonly chain: readonly string[]
  readonly user: string | null
  readonly purpose: string
  /** Null: none of the catalog's. */
  readonly tool: Tool | null
  readonly arguments: CallArguments
  readonly gateway: string
  readonly environment: string
  readonly country: string | null
  readonly network: string | null
  readonly risk: number
}

const SENSITIVITY: readonly string[] = ["public", "internal", "confidential", "restricted"]

export function isLifecycleTool(tool: Tool | null): boolean {
  return tool?.name.split(".")[1] === "mcp"
}

/** @param unseen what bounds on arguments say of a call whose arguments were not all seen */
export function covers(selector: Selector, call: ModelCall, unseen: boolean): boolean {
  const { tool } = call
  const { tools, actions, labels, sensitivity, agents, purposes, environments, arguments: bounds } = selector
  // Of what is no tool nothing is known that could narrow it down, and only `*` is about it.
  if (!tool && (!tools.includes("*") || actions || labels || sensitivity)) return false
  if (tool) {
    const named = tools.some((each) => {
      if (each === "*") return true
      return each.endsWith(".*") ? `${tool.name}.`.startsWith(each.slice(0, -1)) : each === tool.name
    })
    if (!named) return false
    if (actions && !actions.includes(tool.action)) return false
    if (labels && labels.every((label) => !tool.labels.includes(label))) return false
    if (sensitivity && SENSITIVITY.indexOf(tool.sensitivity) < SENSITIVITY.indexOf(sensitivity)) return false
  }
  if (agents && !agents.includes(call.agent)) return false
  if (purposes && !purposes.includes(call.purpose)) return false
  if (environments && !environments.includes(call.environment)) return false
  if (!bounds) return true
  const { complete, values } = call.arguments
  // What is written otherwise may be taken for the argument.
  const isHidden = !complete || Object.keys(bounds).some((name) => isWrittenOtherwise(name, values))
  if (isHidden) return unseen
  const verdicts = new Set(
    Object.entries(bounds).map(([name, bound]) => {
      const value = values[name]
      const isUnclear = value !== undefined && !typesOf(bound).every((types) => types.includes(kindOf(value)))
      return isUnclear ? "unclear" : meetsAll([{ [name]: bound }], values) ? "kept" : "broken"
    }),
  )
  if (verdicts.has("broken")) return false
  return verdicts.has("unclear") ? unseen : true
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? "list" : typeof value)

/** Of which types a value can be for each part of a bound to say anything of it. */
function typesOf({ eq, in: listed = [], min, max, like, max_length }: ArgumentBound): readonly (readonly string[])[] {
  const scalars = eq === undefined ? listed : [eq, ...listed]
  return [
    ...(scalars.length > 0 ? [scalars.map((each) => typeof each)] : []),
    ...(min === undefined && max === undefined ? [] : [["number"]]),
    ...(like === undefined ? [] : [["string"]]),
    ...(max_length === undefined ? [] : [["string", "list"]]),
  ]
}

function isWrittenOtherwise(name: string, values: CallArguments["values"]): boolean {
  return Object.keys(values).some((each) => each !== name && each.toLowerCase() === name.toLowerCase())
}

/** `absent`: the call has none; `hidden`: it may have one; `unasserted`: its gateway says nothing of it. */
export type Missing = "absent" | "hidden" | "unasserted"
export type Found = { readonly value: unknown } | Missing

export function isMissing(found: unknown): found is Missing {
  return typeof found === "string"
}

export function fieldOf(call: ModelCall, field: Field): Found {
  if (field.startsWith("arguments.")) {
    const name = field.slice("arguments.".length)
    const { complete, values } = call.arguments
    if (!complete || isWrittenOtherwise(name, values)) return "hidden"
    const value = new Map(Object.entries(values)).get(name)
    return value === undefined || value === null ? "absent" : { value }
  }
  const value = ofCall(call, field)
  if (value !== null) return { value }
  return field === "user" ? "absent" : "unasserted"
}

function ofCall(call: ModelCall, field: Field): unknown {
  const tool = call.tool?.name ?? ""
  switch (field) {
    case "tree":
      return call.task.split(".")[0]
    case "user_or_agent":
      return call.user ?? call.chain.at(-1)
    case "tool":
      return tool
    case "server":
      return tool.split(".")[0]
    case "call":
      return canonical([tool, call.arguments.complete, call.arguments.values])
    default:
      return new Map<string, unknown>(Object.entries(call)).get(field)
  }
}

type Key = { readonly key: string } | Missing

/** All of them as one text; or the first that is missing. */
export function keyOf(call: ModelCall, fields: readonly Field[]): Key {
  // Asked for again and again of the whole past.
  const known = keys.get(call) ?? new Map<string, Key>()
  keys.set(call, known)
  const named = fields.join(" ")
  let key = known.get(named)
  if (!key) known.set(named, (key = readKey(call, fields)))
  return key
}
const keys = new WeakMap<ModelCall, Map<string, Key>>()

function readKey(call: ModelCall, fields: readonly Field[]): Key {
  const found = fields.map((field) => fieldOf(call, field))
  const missing = found.find((each) => isMissing(each))
  return missing ?? { key: canonical(found) }
}

/** The members of a list, each once; of anything else, itself. */
export function membersOf(call: ModelCall, field: Field): readonly string[] | Missing {
  const found = fieldOf(call, field)
  if (isMissing(found)) return found
  const members: readonly unknown[] = Array.isArray(found.value) ? found.value : [found.value]
  return [...new Set(members.map(canonical))]
}

/** In units of 1/10,000; null: it is none that can be read. */
export function amountOf(call: ModelCall, field: Field): number | null {
  const found = fieldOf(call, field)
  if (isMissing(found) || typeof found.value !== "number" || found.value < 0) return null
  const units = Math.round(found.value * 10_000)
  return units / 10_000 === found.value ? units : null
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each !== null && typeof each === "object" && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}
