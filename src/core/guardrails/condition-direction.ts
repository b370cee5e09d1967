/** The earlier calls that a condition looks for, and whether one of them can only deny, or whether a call may need it. */
import type { Direction } from "./compiled-condition.ts"
import type { Condition, Pattern } from "./condition.ts"

export interface SoughtEvent extends Pattern {
  /** Of `previous`. */
  readonly in?: "task" | "tree"
  /** The direction in which an error about it denies: with `more`, such a call can only deny. */
  readonly denies: Direction
}

/**
 * Those within `when` included; what undoes another call is none of them: without either call, the answer is the same.
 * @param denies the direction in which an error of the condition denies: `fewer` where it has to hold, `more` where it
 *   must not
 */
export function soughtEvents(condition: Condition, denies: Direction): readonly SoughtEvent[] {
  const opposite = denies === "fewer" ? "more" : "fewer"
  const ofEvent = (event: Omit<SoughtEvent, "denies">, direction: Direction): readonly SoughtEvent[] => [
    { ...event, denies: direction },
    ...(event.when ? soughtEvents(event.when, direction) : []),
  ]
  switch (condition.kind) {
    case "all":
    case "any":
      return condition.of.flatMap((part) => soughtEvents(part, denies))
    case "not":
      return soughtEvents(condition.of, opposite)
    case "previous":
      return ofEvent({ ...condition.event, in: condition.in }, denies)
    case "formerly":
    case "since":
      return ofEvent(condition.event, denies)
    case "count":
    case "sum":
    case "distinct":
      return ofEvent(condition.event, "atMost" in condition.is ? opposite : denies)
    default:
      return condition satisfies never
  }
}

/** Whether a call more among those that are remembered never allows what would be denied. */
export function onlyDenies(condition: Condition, denies: Direction): boolean {
  return soughtEvents(condition, denies).every((event) => event.denies === "more")
}
