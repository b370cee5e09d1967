/** A stream of events that changes nothing: right while it is being introduced, and easily left on. */
import type { Lint } from "./lint.ts"

export const observingStream: Lint = {
  name: "observing-stream",
  find: ({ policies: { streams } }) =>
    streams.value.streams.flatMap(({ id, mode }, index) => {
      if (mode !== "observe") return []
      const message = `stream \`${id}\` suspends nothing, whatever it reports`
      return [streams.warning(["streams", index, "mode"], message, "Write `enforce` once the records look right.")]
    }),
}
