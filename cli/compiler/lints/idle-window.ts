/** A window that never refuses a call, because another has refused it before. */
import type { Problem } from "../source/problem.ts"
import type { Lint } from "./lint.ts"
import { limitedBy, mostWithin, shownSpan, windowsIn, type Window } from "./windows.ts"

export const idleWindow: Lint = {
  name: "idle-window",
  find: ({ policies: { guardrails }, body: { guardrails: defined, tools } }) => {
    const windows = windowsIn(defined)
    const limited = new Map(windows.map((window) => [window, limitedBy(window, tools)]))
    const covers = (one: Window, other: Window) =>
      (limited.get(other) ?? new Set()).isSubsetOf(limited.get(one) ?? new Set())
    return windows.flatMap((window, index): Problem[] => {
      const tighter = windows.find((other, place) => {
        if (other === window || !isTighter(other, window) || !covers(other, window)) return false
        // Of two that limit the same, the one that was there first stays.
        return place < index || !(isTighter(window, other) && covers(window, other))
      })
      if (!tighter) return []
      const { id, per, limit, seconds } = tighter
      const limits = `${limit} per ${per} in ${shownSpan(seconds)}`
      const message = `window \`${id}\` (${limits}) is tighter, so this one never refuses`
      const fix = "Lower the `limit`, or remove the window."
      const at = guardrails.value.windows.findIndex(({ id }) => id === window.id)
      return [guardrails.warning(["windows", at, "id"], message, fix)]
    })
  },
}

/**
 * Whatever `one` admits, `other` would admit too. A tree counts the calls of each of its tasks, so a limit of the tree
 * is one of the task.
 */
function isTighter(one: Window, other: Window): boolean {
  return (one.per === "tree" || other.per === "task") && mostWithin(one, other.seconds) <= other.limit
}
