/** A gateway that allows every call: right while it is being introduced, and easily left on. */
import type { Lint } from "./lint.ts"

export const observingGateway: Lint = {
  name: "observing-gateway",
  find: ({ policies: { gateways } }) =>
    gateways.value.gateways.flatMap(({ id, mode }, index) => {
      if (mode !== "observe") return []
      const message = `gateway \`${id}\` allows every call, whatever is decided`
      return [gateways.warning(["gateways", index, "mode"], message, "Write `enforce` once the records look right.")]
    }),
}
