/** A window that never denies a call, because another window has always denied it first. */
import type { Problem } from "../source/problem.ts"
import type { Lint } from "./lint.ts"
import { limitedBy, mostWithin, sharesCount, shownWindow, windowsIn, type Window } from "./windows.ts"

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
        // Of two equal limits, the one that was there first stays.
        return place < index || !(isTighter(window, other) && covers(window, other))
      })
      if (!tighter) return []
      const message = `window \`${tighter.id}\` (${shownWindow(tighter)}) is tighter, so this one never denies a call`
      const fix = "Lower the `limit`, or remove the window."
      const at = guardrails.value.windows.findIndex(({ id }) => id === window.id)
      return [guardrails.warning(["windows", at, "id"], message, fix)]
    })
  },
}

/** Whether `one` denies what `other` denies, or denies it sooner: what shares a count of `other` shares one of `one`. */
function isTighter(one: Window, other: Window): boolean {
  return sharesCount(one, other.per) && mostWithin(one, other.seconds) <= other.limit
}
