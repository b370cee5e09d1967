/** `loops` of guardrails.yaml: an agent that repeats itself, or that goes on in spite of denials. */
import { z } from "zod"
import { CODES, isCode } from "../../../src/core/denials/terms/code.ts"
import type { Cycle } from "../../../src/core/guardrails/cycle.ts"
import type { Field } from "../../../src/core/guardrails/definition.ts"
import type { Limit, Span } from "../../../src/core/guardrails/limit-definition.ts"
import type { Storm } from "../../../src/core/guardrails/storm.ts"
import { among, common, commonOf, MOST_CALLS } from "./guardrail-entry.ts"
import { span } from "./span.ts"
import { WHERE_FINE } from "./values.ts"

/** No model repeats a longer sequence of calls by mistake. */
const CIRCLE = { least: 2, most: 8, default: 4 } as const

/** Seconds: an agent that begins the same work again after an hour does not go in circles. */
const DEFAULT_PAUSE = 3_600

const CODE_NAMES = Object.keys(CODES).filter(isCode)

export const loop = z
  .strictObject({
    ...common,
    per: z
      .enum(["agent", "task", "tree"])
      .default("agent")
      .describe(
        "`agent`: the calls of an agent in all of its tasks for the same user. `task`, `tree`: those of the task, or of its tree, which a new task begins anew.",
      ),
    repeats: z
      .int()
      .min(1)
      .max(MOST_CALLS)
      .exactOptional()
      .describe("The same call with the same arguments is allowed so often."),
    cycles: z
      .int()
      .min(2)
      .max(1000)
      .exactOptional()
      .describe(
        "The same sequence of calls may be repeated fewer times than this. The call that would complete it for this time is denied.",
      ),
    denials: z
      .int()
      .min(1)
      .max(MOST_CALLS)
      .exactOptional()
      .describe("After more denied calls than this, all calls are denied until the denials are older than `within`."),
    within: span.exactOptional().describe("With `repeats` and `denials`: in any span of this length."),
    pause: span
      .exactOptional()
      .describe(
        "With `cycles`: after so long without a call, the calls before are forgotten. If absent: `1h` with `per: agent`, otherwise never.",
      ),
    longest: z
      .int()
      .min(CIRCLE.least)
      .max(CIRCLE.most)
      .exactOptional()
      .describe("With `cycles`: the number of calls in the longest sequence that is detected. If absent: 4."),
    codes: z
      .array(z.enum(CODE_NAMES))
      .min(1)
      .exactOptional()
      .describe("With `denials`: only denials with one of these codes count."),
  })
  .refine((loop) => among(loop, ["repeats", "cycles", "denials"]) === 1, {
    ...WHERE_FINE,
    error: "a loop is exactly one of three",
    params: { fix: "Write one of `repeats`, `cycles` and `denials`." },
  })
  .refine(({ cycles, within }) => (cycles === undefined) === (within !== undefined), {
    ...WHERE_FINE,
    error: "`within` is of `repeats` and `denials`, and only of them",
    params: { fix: "Write `within: 10m` beside them; remove it beside `cycles`." },
  })
  .refine(({ cycles, longest }) => cycles !== undefined || longest === undefined, {
    ...WHERE_FINE,
    error: "`longest` is of `cycles`",
    path: ["longest"],
    params: { fix: "Remove it." },
  })
  .refine(({ cycles, pause }) => cycles !== undefined || pause === undefined, {
    ...WHERE_FINE,
    error: "`pause` is of `cycles`",
    path: ["pause"],
    params: { fix: "Remove it." },
  })
  .refine(({ denials, codes }) => denials !== undefined || codes === undefined, {
    ...WHERE_FINE,
    error: "`codes` are of `denials`",
    path: ["codes"],
    params: { fix: "Remove them." },
  })

type Loop = z.infer<typeof loop>

export function toLoop(loop: Loop): Limit | Cycle | Storm {
  const { per, repeats, cycles, denials, within: seconds = 0, longest = CIRCLE.default, codes } = loop
  const pause = loop.pause ?? (per === "agent" ? DEFAULT_PAUSE : undefined)
  const common = commonOf(loop)
  if (repeats !== undefined) {
    const span: Span = { kind: "sliding", seconds }
    const counted = { topic: "loop", measure: { kind: "calls" }, limit: repeats, span } as const
    if (per === "agent") return { ...common, kind: "limit", ...counted, per: ["call"], history: "agent" }
    const key: Field[] = [per, "call"]
    return { ...common, kind: "limit", ...counted, per: key }
  }
  if (cycles !== undefined) return { ...common, kind: "cycle", per, longest, times: cycles, ...(pause && { pause }) }
  if (denials !== undefined) return { ...common, kind: "storm", per, limit: denials, seconds, ...(codes && { codes }) }
  throw new Error(`loop ${loop.id} is none`)
}
