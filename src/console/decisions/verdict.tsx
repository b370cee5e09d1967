/** A decision as a badge: a word and a colour. */
import type { FC } from "hono/jsx"
import { shortened } from "../../web/visible.ts"

interface VerdictProps {
  readonly decision: "allow" | "deny"
  /** The text of a denial. */
  readonly code: string
}

export const Verdict: FC<VerdictProps> = ({ decision, code }) =>
  decision === "allow" ? <span class="badge good">allowed</span> : <span class="badge bad">{shortened(code, 40)}</span>
