/** Who asks by AuthZEN. */
import { exports } from "cloudflare:workers"
import { z } from "zod"
import { keyOf } from "./gateways.ts"
import { US } from "./issuers.ts"

const answer = z.looseObject({
  decision: z.boolean().optional(),
  context: z.record(z.string(), z.unknown()).optional(),
  evaluations: z
    .array(z.object({ decision: z.boolean(), context: z.record(z.string(), z.unknown()).optional() }))
    .optional(),
  results: z.array(z.object({ type: z.string(), id: z.string(), name: z.string() }).partial()).optional(),
  page: z.object({ next_token: z.string(), count: z.number() }).optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
})

export interface AccessAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: z.output<typeof answer>
}

export type AccessPath = "evaluation" | "evaluations" | "search/subject" | "search/resource" | "search/action"

/** @param question as JSON, or the text that is sent */
export async function askAccess(
  who: string,
  path: AccessPath,
  question: unknown,
  more: Readonly<Record<string, string>> = {},
): Promise<AccessAnswer> {
  const headers = { Authorization: `Bearer ${keyOf(who)}`, "Content-Type": "application/json", ...more }
  const body = typeof question === "string" ? question : JSON.stringify(question)
  const request = new Request(`${US}/access/v1/${path}`, { method: "POST", headers, body })
  const response = await exports.default.fetch(request)
  return { status: response.status, headers: response.headers, body: answer.parse(await response.json()) }
}
