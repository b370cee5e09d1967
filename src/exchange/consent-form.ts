/**
 * A person's answer, as their browser sends it. It can only take away: of what it names nothing is had that they were not
 * shown, whoever has written it.
 */
import type { Kept } from "./grant.ts"

export interface Answered {
  readonly allows: boolean
  readonly kept: Kept
  /** `digest` of what they were shown. */
  readonly digest: string
}

/** Null where it is no answer. */
export function readAnswer(form: URLSearchParams, by: "tool" | "server" | "nothing"): Answered | null {
  const decision = form.get("decision")
  if (decision !== "allow" && decision !== "refuse") return null
  const [calls, life] = [numberOf(form.get("calls")), numberOf(form.get("life"))]
  if (calls === undefined || life === undefined) return null
  const tools = by === "nothing" ? null : form.getAll("keep")
  return {
    allows: decision === "allow",
    kept: { tools, calls, life: life === null ? null : life * 1_000 },
    digest: form.get("shown") ?? "",
  }
}

/** Null where it is not said, undefined where it is none. */
function numberOf(text: string | null): number | null | undefined {
  if (text === null || text === "") return null
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
