/** What the tests hold every answer of the Worker against: each way to depart from it is noticed. */
import { createExecutionContext } from "cloudflare:test"
import { env, exports } from "cloudflare:workers"
import { expect, test } from "vitest"
import text from "../../../docs/reference/openapi.json" with { type: "text" }
import { app, routes } from "../../../src/app.ts"
import { described, lookedAt, OPERATIONS, PAGES, undescribed } from "../../harness/description.ts"
import { US } from "../../harness/issuers.ts"

const HEADERS = { "X-Narrowgate-Decision": "dec_1", "Cache-Control": "no-store" }
const FAILED = { ...HEADERS, "X-Narrowgate-Code": "invalid_request" }
const OPERATOR = { Authorization: "Bearer a.b.c" }
const lifted = { id: "swi_1", lifted: true }

/** What is found if this is the answer. */
async function foundIn(
  response: Response,
  path = "/v1/revocations/swi_1",
  method = "DELETE",
  body: string | null = null,
  headers: HeadersInit = OPERATOR,
) {
  await described(async () => response)(new Request(US + path, { method, body, headers }))
  return undescribed()
}

test("what is described is nothing to speak of", async () => {
  expect(await foundIn(Response.json(lifted, { headers: HEADERS }))).toEqual([])
})

interface Departure {
  readonly what: string
  readonly says: RegExp
  readonly response: () => Response
  readonly path?: string
  readonly method?: string
  readonly body?: string
  /** Of the request. */
  readonly headers?: HeadersInit
}

const answer = (value: unknown, status = 200, headers: HeadersInit = HEADERS): Response =>
  Response.json(value, { status, headers })
const missing = { error: "not_found", error_description: "" }
const refused = { error: "invalid_request", error_description: "", decision_id: "dec_1" }
const noToken = { ...refused, error: "missing_token" }

test.each<Departure>([
  { what: "a status", says: /the status is not described/, response: () => answer({}, 418) },
  { what: "a member", says: /Unrecognized key: "more"/, response: () => answer({ ...lifted, more: 1 }) },
  { what: "a type", says: /expected string/, response: () => answer({ ...lifted, id: 1 }) },
  { what: "that a member is missing", says: /lifted/, response: () => answer({ id: "swi_1" }) },
  {
    what: "a media type",
    says: /text\/html is not described/,
    response: () => new Response("<p>", { headers: { ...HEADERS, "Content-Type": "text/html" } }),
  },
  { what: "an empty answer", says: /a body is described/, response: () => new Response(null, { headers: HEADERS }) },
  {
    what: "a header",
    says: /the header x-more is not described/,
    response: () => answer(lifted, 200, { ...HEADERS, "X-More": "1" }),
  },
  {
    what: "that a header is missing",
    says: /the header x-narrowgate-decision is missing/,
    response: () => answer(lifted, 200, { "Cache-Control": "no-store" }),
  },
  {
    what: "that a challenge is missing",
    says: /the header www-authenticate is missing/,
    response: () => answer(noToken, 401, FAILED),
  },
  {
    what: "that a time to wait is missing",
    says: /the header retry-after is missing/,
    response: () => answer({ ...refused, error: "unavailable" }, 503, FAILED),
  },
  {
    what: "a time to wait that is no number",
    says: /the header retry-after: /,
    response: () => answer({ ...refused, error: "unavailable" }, 503, { ...FAILED, "Retry-After": "soon" }),
  },
  {
    what: "an answer that may be stored",
    says: /it may be stored/,
    response: () => answer(lifted, 200, { "X-Narrowgate-Decision": "dec_1" }),
  },
  {
    what: "a code",
    says: /error/,
    response: () => answer({ ...refused, error: "malformed_call" }, 400, FAILED),
  },
  {
    what: "a code of AuthZEN",
    says: /error/,
    response: () => answer({ ...refused, error: "invalid_grant" }, 400),
    path: "/access/v1/evaluation",
    method: "POST",
    body: "{}",
  },
  {
    what: "an `err` of a security event",
    says: /err/,
    response: () => answer({ err: "invalid_state", description: "" }, 400, { ...HEADERS, "Content-Language": "en" }),
    path: "/v1/events",
    method: "POST",
    body: "a",
  },
  {
    what: "a member of a denial in Kong's document",
    says: /"more"/,
    response: () =>
      answer({
        result: { allow: false, status: 403, message: { error: "policy_denied", error_description: "", more: 1 } },
      }),
    path: "/authz/forward/key",
    method: "POST",
    body: "{}",
  },
  {
    what: "a member of the metadata",
    says: /"more"/,
    response: () => answer({ more: 1 }, 200, { "Cache-Control": "public, max-age=300" }),
    path: "/.well-known/oauth-authorization-server",
    method: "GET",
  },
  {
    what: "an operation",
    says: /there is no such operation/,
    response: () => answer({}),
    path: "/v1/nothing",
    method: "GET",
  },
  { what: "a method", says: /there is no such operation/, response: () => answer(lifted), method: "POST" },
  {
    what: "a member of the answer of a path that is nowhere",
    says: /"more"/,
    response: () => answer({ ...missing, more: 1 }, 404, { "Cache-Control": "no-store" }),
    path: "/v1/nothing",
    method: "GET",
  },
  {
    what: "a status to a gateway's key at a path that is not for gateways",
    says: /the status is not described/,
    response: () => answer(missing, 409),
    headers: { "X-Narrowgate-Key": "key" },
  },
  {
    what: "a member of a request that is granted",
    says: /Unrecognized key: "agnet"/,
    response: () => answer({ known: true, nearest: [], hits: { tools: null, recent: null } }),
    path: "/v1/revocations",
    method: "POST",
    body: '{"agnet":"a"}',
  },
  {
    what: "a field of a form that is granted",
    says: /Unrecognized key: "tokne"/,
    response: () => new Response(null, { headers: HEADERS }),
    path: "/oauth/revoke",
    method: "POST",
    body: "token=a&tokne=b",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  },
  {
    what: "a parameter of a query",
    says: /owner is not described/,
    response: () => answer({ decisions: [], arrived: "0" }),
    path: "/v1/decisions?owner=a",
    method: "GET",
  },
  {
    what: "a query of an operation that has none",
    says: /owner is not described/,
    response: () => answer({ revocations: [] }),
    path: "/v1/revocations?owner=a",
    method: "GET",
  },
  {
    what: "that a parameter is missing",
    says: /the parameter X-Narrowgate-Server is missing/,
    response: () => answer({}),
    path: "/v1/tools/filter",
    method: "POST",
    body: "{}",
    headers: { "X-Narrowgate-Filter-Key": "key" },
  },
  {
    what: "that whoever asks has no credential",
    says: /no credential is presented/,
    response: () => answer(lifted),
    headers: {},
  },
])("a departure from the description is found: $what", async ({ says, response, path, method, body, headers }) => {
  expect(await foundIn(response(), path, method, body ?? null, headers)).toEqual([expect.stringMatching(says)])
})

test("each route that is no page is described, and each operation that is described has a route", () => {
  const unnamed = (operation: string): string => operation.replaceAll(/:\w+|\{\w+\}|\*/g, "{}")
  const served = routes()
    // What stands before other routes is none itself.
    .filter(({ method, path }) => (method !== "ALL" || path.startsWith("/authz/")) && !PAGES.test(path))
    .map(({ method, path }) => unnamed(`${method} ${path}`))
  expect([...new Set(served)].toSorted()).toEqual(OPERATIONS.map(unnamed).toSorted())
})

test("what the Worker's own door answers is looked at, and what its pages ask of the API", async () => {
  const before = lookedAt()
  await exports.default.fetch(new Request(`${US}/healthz`))
  expect(lookedAt()).toBe(before + 1)
  await app.fetch(new Request(`${US}/healthz`), env, createExecutionContext())
  expect(lookedAt()).toBe(before + 2)
})

test("the description is served as it is written, as JSON", async () => {
  const response = await exports.default.fetch(`${US}/openapi.json`)
  expect(response.headers.get("Content-Type")).toBe("application/json")
  expect(await response.text()).toBe<unknown>(text)
})
