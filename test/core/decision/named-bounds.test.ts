/** A rule that reads a named bound, in whole decisions; and a grant that a request has closed. */
import { describe, expect, inject, test } from "vitest"
import { UNSEEN_ARGUMENTS } from "../../../src/core/catalog/arguments.ts"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import { boundsInWords } from "../../../src/core/task/grant-words.ts"
import { readRequestedGrant } from "../../../src/core/task/requested-grant.ts"
import { ALICE, START, assembled, callOf, newState, open, opened, reasonOf, scopes, step } from "../../harness/trees.ts"

const body = inject("yard")
const BOUND = { ".": { left: { ".": { left: { Var: "context" }, attr: "bounds" } }, attr: "own" } }
const ANY = { op: "All" }
const WRITE = { op: "==", entity: { type: "Action", id: "write" } }
const scope = { principal: ANY, action: WRITE, resource: { op: "==", entity: { type: "Tool", id: "mail.send" } } }
const rule = {
  id: "own-mail",
  policy: {
    effect: "forbid",
    ...scope,
    conditions: [{ kind: "unless", body: BOUND }],
    annotations: { id: "own-mail" },
  },
  reads: [],
  facts: ["bounds.own"],
}
const bundle = assembled({
  ...body,
  // The yard has a rule that compares the same argument as a text.
  rules: [...body.rules.filter(({ id }) => id !== "mail-in-house"), rule],
  bounds: [{ name: "own", arguments: { to: { email: ["example.org"] } } }],
})

test("is decided by what the argument means, and denied if that is not clear", () => {
  const state = newState(ALICE)
  const token = opened(open(bundle, state, "first", null, { purpose: "work", asked: scopes("mail.send:write") }))
  const reason = (values: Readonly<Record<string, unknown>>): string =>
    reasonOf(bundle, state, callOf(token, "mail.send", values))
  expect(reason({ to: "a@example.org" })).toBe("allowed")
  expect(reason({ to: ["a@example.org", "b@example.org"] })).toBe("allowed")
  expect(reason({ to: "a@evil.example" })).toBe("policy_forbids")
  expect(reason({})).toBe("policy_forbids")
  expect(reason({ to: "a@evil.example,b@example.org" })).toBe("policy_forbids")
  expect(reason({ to: ["a@example.org", "b@evil.example"] })).toBe("policy_forbids")
  // What no rule of Cedar could take is no obstacle.
  expect(reason({ to: "a@example.org", cc: null })).toBe("allowed")
  expect(reason({ To: "a@example.org" })).toBe("argument_variant")
  expect(reasonOf(bundle, state, callOf(token, "mail.send", {}, { arguments: UNSEEN_ARGUMENTS }))).toBe(
    "arguments_unknown",
  )
})

describe("a request", () => {
  const requested = (details: object) =>
    readRequestedGrant({
      scope: null,
      purpose: null,
      authorizationDetails: JSON.stringify([
        { type: "narrowgate_call", tools: ["mail.send"], actions: ["write"], ...details },
      ]),
    })

  test("that is closed denies what its bounds do not name, and says so to people", () => {
    const read = requested({ arguments: { to: { email: ["example.org"] } }, closed: true })
    if (isOAuthFailure(read)) throw new Error("it is well formed")
    const state = newState(ALICE)
    const token = opened(open(bundle, state, "first", null, { purpose: "work", asked: read.requested }))
    const reason = (values: Readonly<Record<string, unknown>>): string =>
      reasonOf(bundle, state, callOf(token, "mail.send", values))
    expect(reason({ to: "a@example.org" })).toBe("allowed")
    expect(reason({ to: "a@example.org", bcc: "a@example.org" })).toBe("argument_out_of_bounds")
    expect(state.tasks.get(token.task)?.details).toMatchObject([
      { arguments: { to: { email: ["example.org"] } }, closed: true },
    ])
    expect(boundsInWords(read.requested.parts?.map(({ bounds }) => bounds) ?? [])).toBe(
      "to is an e-mail address at example.org; it has no other argument",
    )
  })

  test("does not learn of its parent's bounds what its token hides, though the catalog redacts it no longer", () => {
    const read = requested({ arguments: { to: { email: ["example.org"] } } })
    if (isOAuthFailure(read)) throw new Error("it is well formed")
    const ceiling = { tools: ["*:write"], max_sensitivity: "restricted", arguments: {} } as const
    const agents = body.agents.map((agent) => ({ ...agent, ceiling }))
    const redact = (names: readonly string[]) =>
      assembled({
        ...body,
        agents,
        tools: body.tools.map((tool) => (tool.name === "mail.send" ? { ...tool, redact: names } : tool)),
      })
    const state = newState(ALICE)
    const parent = opened(open(redact(["to"]), state, "first", null, { purpose: "work", asked: read.requested }))
    const child = opened(open(redact(["to"]), state, "second", parent, { asked: scopes("mail.send:write") }))
    const { denial } = step(redact([]), state, callOf(child, "mail.send", { to: "a@evil.example" }))
    expect(denial).toMatchObject({ reason: "argument_out_of_bounds", argument: "to" })
    expect(denial).toHaveProperty("stated", 'to is within email "[redacted]"')
  })

  test.each([
    ["a name that stands for others", { arguments: { "*": { eq: 1 } } }],
    ["a kind that there is not", { arguments: { to: { host: ["a.example"] } } }],
    ["a bound that is not what its kind takes", { arguments: { to: { email: ["ann@example.org"] } } }],
    ["a schema that cannot be used", { arguments: { to: { schema: { $ref: "https://a.example" } } } }],
    ["a closing that is not true", { closed: false }],
    ["what only grants have", { arguments: { to: { absent: true } } }],
  ])("with %s is an error", (_what, details) => {
    expect(requested(details)).toMatchObject({ refused: { reason: "details_malformed" } })
  })
})

test("a date counts from the day on which the call is decided, in grants and rules", () => {
  const days = { to: { date: { from: "today-1d", to: "today" } } }
  const state = newState(ALICE)
  const read = readRequestedGrant({
    scope: null,
    purpose: null,
    authorizationDetails: JSON.stringify([
      { type: "narrowgate_call", tools: ["mail.send"], actions: ["write"], arguments: days },
    ]),
  })
  if (isOAuthFailure(read)) throw new Error("it is well formed")
  const ruled = { ...bundle, bounds: new Map([["own", days]]) }
  const plain = assembled({ ...body, rules: body.rules.filter(({ id }) => id !== "mail-in-house") })
  const day = (days: number): string => new Date(START + days * 86_400_000).toISOString().slice(0, 10)
  const sent = [-2, -1, 0, 1].map((days) => ({ to: day(days) }))
  const byRule = opened(open(ruled, state, "first", null, { purpose: "work", asked: scopes("mail.send:write") }))
  expect(sent.map((values) => reasonOf(ruled, state, callOf(byRule, "mail.send", values)))).toEqual([
    "policy_forbids",
    "allowed",
    "allowed",
    "policy_forbids",
  ])
  const other = newState(ALICE)
  const byGrant = opened(open(plain, other, "first", null, { purpose: "work", asked: read.requested }))
  expect(sent.map((values) => reasonOf(plain, other, callOf(byGrant, "mail.send", values)))).toEqual([
    "argument_out_of_bounds",
    "allowed",
    "allowed",
    "argument_out_of_bounds",
  ])
})
