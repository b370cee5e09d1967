/** The parts of guardrails.yaml that checks look at, each with its path in the file. */
import { isLifecycle } from "../../../src/core/catalog/lifecycle.ts"
import { patternCovers } from "../../../src/core/catalog/pattern.ts"
import { sensitivityRank, type Tool } from "../../../src/core/catalog/tool.ts"
import type { ArgumentField, Field } from "../../../src/core/guardrails/definition.ts"
import { kindOf } from "../../../src/core/guardrails/kinds.ts"
import { tiesOf, type WrittenCondition, type WrittenEvent } from "../schema/condition.ts"
import { entriesOf, type GuardrailsFile } from "../schema/guardrails.ts"
import type { WrittenSelector } from "../schema/selector.ts"
import type { Path } from "../source/source.ts"

interface PlacedEvent {
  readonly path: Path
  readonly event: WrittenEvent
  /** The calls that the rule is about. */
  readonly judged: WrittenSelector
  /** Of `distinct`: what is counted of it. */
  readonly counted?: Field
  /** Of `sum`: what is added up of it. */
  readonly summed?: ArgumentField
  /** Of `since`: what undoes it. */
  readonly unless?: WrittenEvent
}

interface PlacedField<Of extends Field = Field> {
  readonly path: Path
  readonly field: Of
  /** The calls that are asked for it: one that both have to share, of the past and of the judged. */
  readonly of: readonly WrittenSelector[]
}

export function eventsOf({ sequences }: GuardrailsFile): PlacedEvent[] {
  return sequences.flatMap((sequence, index) =>
    (["require", "forbid"] as const).flatMap((key) => {
      const condition = sequence[key]
      return condition ? eventsIn(condition, ["sequences", index, key], sequence) : []
    }),
  )
}

/** Sessions that are opened, listed and ended: of these only windows know. */
export function withoutLifecycle(tools: readonly Tool[]): readonly Tool[] {
  return tools.filter((tool) => !isLifecycle(tool))
}

interface PlacedSelector {
  readonly path: Path
  readonly selector: WrittenSelector
  /** Whether it may select the tools that open, list and close MCP sessions. */
  readonly coversLifecycle: boolean
}

/** The selectors of the entries and of their events. */
export function selectorsOf(file: GuardrailsFile): PlacedSelector[] {
  return [
    ...entriesOf(file).map(({ path, entry, section }) => {
      const guardrail = section.toGuardrail(entry)
      return { path, selector: entry, coversLifecycle: kindOf(guardrail).coversLifecycle(guardrail) }
    }),
    ...eventsOf(file).map(({ path, event }) => ({ path, selector: event, coversLifecycle: false })),
  ]
}

/** The fields by which calls share a count, and those whose values are counted. */
export function fieldsOf(file: GuardrailsFile): PlacedField[] {
  const events = eventsOf(file)
  return [
    ...keysOf(file),
    ...entriesOf(file).flatMap(({ path, entry, section }) =>
      section.counted(entry).map(({ key, field }) => ({ path: [...path, key], field, of: [entry] })),
    ),
    ...events.flatMap(({ path, event, judged }) => sharedBy(path, event, judged)),
    ...events.flatMap(({ path, event, counted }) => placed([...path, "of"], counted, event)),
  ]
}

/** The arguments whose amounts are added up. */
export function sumsOf(file: GuardrailsFile): PlacedField<ArgumentField>[] {
  return [
    ...entriesOf(file).flatMap(({ path, entry, section }) =>
      section.summed(entry).map(({ key, field }) => ({ path: [...path, key], field, of: [entry] })),
    ),
    ...eventsOf(file).flatMap(({ path, event, summed }) => placed([...path, "of"], summed, event)),
  ]
}

/** The fields in `per`, if it is a list. `task` or `tree` alone needs no check. */
export function keysOf(file: GuardrailsFile): PlacedField[] {
  return entriesOf(file).flatMap(({ path, entry }) =>
    "per" in entry && typeof entry.per !== "string"
      ? entry.per.map((field, at): PlacedField => ({ path: [...path, "per", at], field, of: [entry] }))
      : [],
  )
}

export function toolsMeant(selector: WrittenSelector, tools: readonly Tool[]): readonly Tool[] {
  const { tools: patterns, actions, labels, sensitivity } = selector
  return tools.filter(
    (tool) =>
      patterns.some((pattern) => patternCovers(pattern, tool.name)) &&
      (actions?.includes(tool.action) ?? true) &&
      (labels?.some((label) => tool.labels.includes(label)) ?? true) &&
      (sensitivity === undefined || sensitivityRank(tool.sensitivity) >= sensitivityRank(sensitivity)),
  )
}

function eventsIn(condition: WrittenCondition, at: Path, judged: WrittenSelector): PlacedEvent[] {
  const { all = [], any = [], not, formerly, previous, since, count, distinct, sum } = condition
  const event = (key: string, written?: WrittenEvent, details: CountedEvent = {}): PlacedEvent[] =>
    written ? eventAt({ path: [...at, key], event: written, judged, ...details }) : []
  return [
    ...all.flatMap((each, index) => eventsIn(each, [...at, "all", index], judged)),
    ...any.flatMap((each, index) => eventsIn(each, [...at, "any", index], judged)),
    ...(not ? eventsIn(not, [...at, "not"], judged) : []),
    ...event("formerly", formerly),
    ...event("previous", previous),
    ...event("since", since, since && { unless: since.unless }),
    ...(since ? eventAt({ path: [...at, "since", "unless"], event: since.unless, judged }) : []),
    ...event("count", count),
    ...event("distinct", distinct, distinct && { counted: distinct.of }),
    ...event("sum", sum, sum && { summed: sum.of }),
  ]
}

type CountedEvent = Pick<PlacedEvent, "counted" | "summed" | "unless">

/** With those of its `when`, in which the event is the call that is judged. */
function eventAt(placed: PlacedEvent): PlacedEvent[] {
  const { path, event } = placed
  return [placed, ...(event.when ? eventsIn(event.when, [...path, "when"], event) : [])]
}

function sharedBy(path: Path, event: WrittenEvent, judged: WrittenSelector): PlacedField[] {
  return tiesOf(event).flatMap(({ past, present, path: within }) => {
    const at = [...path, ...within]
    if (past === present) return placed(at, past, event, judged)
    return placed(at, past, event).concat(placed(at, present, judged))
  })
}

function placed<Of extends Field>(
  path: Path,
  field: Of | undefined,
  ...of: readonly WrittenSelector[]
): PlacedField<Of>[] {
  return field ? [{ path, field, of }] : []
}
