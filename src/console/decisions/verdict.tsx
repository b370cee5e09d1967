/** Whether something was allowed, in a word and a colour. */
import type { FC } from "hono/jsx"
import { shortened } from "../../web/visible.ts"

interface Decided {
  readonly decision: "allow" | "deny"
  /** What is told where it was not. */
  readonly code: string
}

export const Verdict: FC<Decided> = ({ decision, code }) =>
  decision === "allow" ? <span class="badge good">allowed</span> : <span class="badge bad">{shortened(code, 40)}</span>
