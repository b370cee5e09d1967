/**
 * A person's answer, as their browser sends it. It can only reduce the grant: it cannot add anything that the
 * person was not shown, even if another client wrote it.
 */
import type { GrantReduction } from "./grant.ts"

export interface ConsentAnswer {
  readonly allows: boolean
  readonly reduction: GrantReduction
  /** The page that they were shown, as `pageFieldOf` names it. */
  readonly pageField: string
}

/**
 * The field in which a page identifies itself: its own id, which becomes its task's id, and the digest of what it
 * shows.
 */
export const pageFieldOf = (page: string, digest: string): string => `${page}.${digest}`

const SHOWN = /^(\w+)\.[0-9a-f]{64}$/

/** The id of the page. Null if the text contains none. */
export function pageOf(pageField: string): string | null {
  return SHOWN.exec(pageField)?.[1] ?? null
}

/** Null if it is no answer, or is ambiguous. */
export function readAnswer(form: URLSearchParams, by: "tool" | "server" | "nothing"): ConsentAnswer | null {
  if (["decision", "calls", "life", "shown"].some((name) => form.getAll(name).length > 1)) return null
  const decision = form.get("decision")
  if (decision !== "allow" && decision !== "refuse") return null
  const [calls, life] = [numberOf(form.get("calls")), numberOf(form.get("life"))]
  if (calls === undefined || life === undefined) return null
  const tools = by === "nothing" ? null : form.getAll("keep")
  return {
    allows: decision === "allow",
    reduction: { tools, calls, life: life === null ? null : life * 1_000 },
    pageField: form.get("shown") ?? "",
  }
}

/** Null if the field is empty, undefined if it is invalid. */
function numberOf(text: string | null): number | null | undefined {
  if (text === null || text === "") return null
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
