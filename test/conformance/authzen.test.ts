/**
 * The certification scenario of AuthZEN over HTTP, its fixture as policies of an archive (test/harness/archive), asked by a
 * query client in words of its own.
 */
import { exports } from "cloudflare:workers"
import { beforeEach, expect } from "vitest"
import { z } from "zod"
import { archive, publish } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { keyOf } from "../harness/gateways.ts"
import { US } from "../harness/issuers.ts"
import { conformance } from "./conformance.ts"

const caseSchema = z.strictObject({
  test: z.string(),
  title: z.string(),
  variant: z.string().optional(),
  level: z.string(),
  path: z.string(),
  request: z.record(z.string(), z.unknown()).optional(),
  /** The body as it is sent, where it is no JSON, or not declared as such. */
  request_raw: z.string().optional(),
  request_headers: z.record(z.string(), z.string()).default({}),
  content_type: z.string().default("application/json"),
  repeat: z.number().default(1),
  status: z.number(),
  expected_body: z.record(z.string(), z.unknown()).optional(),
  expected_headers: z.record(z.string(), z.string()).default({}),
  /** `superset`: the results are among others; `decisions`: with a context or without; `structure`: any results. */
  match: z.enum(["superset", "decisions", "structure", "exact"]).default("exact"),
  skip_unless: z.string().optional(),
  expected_text: z.string().optional(),
  expected_shape: z.string().optional(),
})
type Case = z.infer<typeof caseSchema>

const documentSchema = z.looseObject({ cases: z.array(caseSchema).nonempty() })
const searchAnswer = z.object({
  results: z.array(z.unknown()),
  page: z.object({ next_token: z.string() }).optional(),
})
const evaluationsAnswer = z.object({
  evaluations: z.array(z.object({ decision: z.boolean(), context: z.unknown().optional() })),
})

async function post(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const asked = { Authorization: `Bearer ${keyOf("reading-room")}`, "Content-Type": "application/json", ...headers }
  return exports.default.fetch(new Request(US + path, { method: "POST", headers: asked, body }))
}

/** What a token of the page before stands for is known only once that page is there. */
async function bodyOf({ request, request_raw, path, skip_unless }: Case): Promise<string> {
  if (request_raw !== undefined) return request_raw
  if (skip_unless === undefined) return JSON.stringify(request)
  const first = await post(path, JSON.stringify({ ...request, page: { limit: 1 } }), {})
  const { page } = searchAnswer.parse(await first.json())
  expect(page?.next_token).not.toBe("")
  return JSON.stringify({ ...request, page: { token: page?.next_token } })
}

beforeEach(async () => {
  await publish(archive())
})
freshIsolateForEach()

conformance("authzen", (cases) => {
  const { cases: all } = cases.json("certification-1_0-cases.json", documentSchema)
  cases.setAside(...cases.paths.filter((path) => path.startsWith("schemas/")))
  for (const one of all) {
    const { test, title, variant, level, path, content_type, request_headers, repeat, status } = one
    cases.case(`${test} (${level}): ${title}${variant === undefined ? "" : `, ${variant}`}`, async () => {
      for (let time = 0; time < repeat; time += 1) {
        const headers = { "Content-Type": content_type, ...request_headers }
        const response = await post(path, await bodyOf(one), headers)
        expect(response.status).toBe(status)
        expect(response.headers.get("Content-Type")).toBe("application/json")
        for (const [name, value] of Object.entries(one.expected_headers)) expect(response.headers.get(name)).toBe(value)
        compare(one, await response.json())
      }
    })
  }
})

function compare({ expected_body, expected_shape, match, path }: Case, body: unknown): void {
  if (path.includes("/search/") && match !== "exact") {
    const { results } = searchAnswer.parse(body)
    const { results: expected } = searchAnswer.parse(expected_body ?? { results: [] })
    expect(results).toEqual(expect.arrayContaining(expected))
  } else if (expected_body && match === "decisions") {
    const decisions = (answer: unknown) => evaluationsAnswer.parse(answer).evaluations.map(({ decision }) => decision)
    expect(decisions(body)).toEqual(decisions(expected_body))
  } else if (expected_body) {
    // Of a search with no results, the page says so too.
    expect(path.includes("/search/") ? { results: searchAnswer.parse(body).results } : body).toEqual(expected_body)
  } else if (expected_shape !== undefined) {
    expect(evaluationsAnswer.parse(body).evaluations).toHaveLength(2)
  }
}
