/**
 * A person's answer, as their browser sends it. It can only take away: of what it names nothing is had that they were not
 * shown, whoever has written it.
 */
import type { GrantReduction } from "./grant.ts"

export interface Answered {
  readonly allows: boolean
  readonly kept: GrantReduction
  /** The page that they were shown, as `shownField` names it. */
  readonly shown: string
}

/** What a page sends back of itself: its own id, which its task has if it is answered, and the digest of what it shows. */
export const shownField = (page: string, digest: string): string => `${page}.${digest}`

const SHOWN = /^(tsk_[0-9A-HJKMNP-TV-Z]{26})\.[0-9a-f]{64}$/

/** The id of the page; null if there is none in it. */
export function pageOf(shown: string): string | null {
  return SHOWN.exec(shown)?.[1] ?? null
}

/** Null where it is no answer, or could be read as two. */
export function readAnswer(form: URLSearchParams, by: "tool" | "server" | "nothing"): Answered | null {
  if (["decision", "calls", "life", "shown"].some((name) => form.getAll(name).length > 1)) return null
  const decision = form.get("decision")
  if (decision !== "allow" && decision !== "refuse") return null
  const [calls, life] = [numberOf(form.get("calls")), numberOf(form.get("life"))]
  if (calls === undefined || life === undefined) return null
  const tools = by === "nothing" ? null : form.getAll("keep")
  return {
    allows: decision === "allow",
    kept: { tools, calls, life: life === null ? null : life * 1_000 },
    shown: form.get("shown") ?? "",
  }
}

/** Null where it is not said, undefined where it is none. */
function numberOf(text: string | null): number | null | undefined {
  if (text === null || text === "") return null
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
