import { describe, expect, inject, test } from "vitest"
import { previewTask } from "../../../src/core/task/consent.ts"
import { countsOf, fewerCalls, lives, viewOfConsent, type ConsentView } from "../../../src/core/task/consent-view.ts"
import { boundInWords, boundsInWords, callsInWords, lifeInWords } from "../../../src/core/task/grant-words.ts"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import type { Consent } from "../../../src/core/task/pending-consent.ts"
import { agentId } from "../../harness/issuers.ts"
import { ALICE, askedFor, assembled, newState, START, withTools } from "../../harness/trees.ts"

/** The yard with as many more tools, in as many servers. */
const withMany = (count: number, servers: number): BundleBody =>
  withTools(
    inject("yard"),
    Array.from({ length: count }, (_, nth) => ({
      server: `s${nth % servers}`,
      name: `s${nth % servers}.t${nth}`,
    })),
  )

function viewIn(body: BundleBody, scopes: readonly string[] | null, bounds = {}, purpose = "work"): ConsentView {
  const bundle = assembled(body)
  const consent: Consent = {
    secretHash: "",
    agent: agentId("first"),
    user: ALICE,
    purpose,
    asked: askedFor({ scopes, bounds }),
    audience: "https://api.test/",
    bindingMessage: null,
    expiresAt: START + 60_000,
    life: 0,
    answer: { approved: true, person: ALICE, until: START + 3_600_000, since: START },
    isRedeemed: false,
  }
  const foreseen = previewTask(bundle, newState(), consent, START)
  if (isOAuthFailure(foreseen)) throw new Error(foreseen.refused.reason)
  return viewOfConsent(foreseen.task, foreseen.life, bundle.catalog.tools)
}

describe("what a person is shown", () => {
  test("is each tool, by its server, with how its arguments are bound", () => {
    const view = viewIn(inject("yard"), ["files.read:read", "desk.search:read"], { file: { like: "a*" } })
    expect(view).toMatchObject({
      by: "tool",
      servers: [
        { name: "desk", tools: [{ name: "desk.search", action: "read", sensitivity: "public" }] },
        { name: "files", tools: [{ name: "files.read", sensitivity: "internal", bounds: 'file is like "a*"' }] },
      ],
      calls: null,
      life: 600_000,
    })
  })

  test("of many tools is each server, of many servers their number", () => {
    const many = viewIn(withMany(5_000, 10), ["*:read"])
    expect(many.by).toBe("server")
    expect(
      many.servers.filter(({ name }) => name.startsWith("s")).flatMap(({ tools }) => tools).length,
    ).toBeGreaterThan(4_999)
    const most = viewIn(withMany(5_000, 1_000), ["*:read"])
    expect(most.by).toBe("nothing")
    expect(countsOf(most.servers.flatMap(({ tools }) => tools))).toMatchObject([{ action: "read" }])
  })

  test("has a digest that any change of what the task may do changes", () => {
    const digest = viewIn(inject("yard"), ["files.*:read"]).digest
    expect(viewIn(inject("yard"), ["files.*:read"]).digest).toBe(digest)
    const body = inject("yard")
    const [work] = body.purposes
    if (!work) throw new Error("the yard has changed")
    const plan = { ordered: false, steps: [{ tools: ["files.read"], times: 2 }], deviation: "revoke" } as const
    const play = { ...body, purposes: [...body.purposes, { ...work, name: "play" }] }
    const others = [
      viewIn(inject("yard"), ["files.read:read"]),
      viewIn(
        { ...play, agents: body.agents.map((agent) => ({ ...agent, purposes: ["play"] })) },
        ["files.*:read"],
        {},
        "play",
      ),
      viewIn({ ...body, purposes: body.purposes.map((each) => ({ ...each, plan })) }, ["files.*:read"]),
      viewIn(inject("yard"), ["files.*:read"], { file: { eq: "a" } }),
      viewIn({ ...inject("yard"), purposes: [...inject("yard").purposes.map((each) => ({ ...each, idle: 40 }))] }, [
        "files.*:read",
      ]),
    ]
    for (const other of others) expect(other.digest).not.toBe(digest)
  })

  test("offers less than was asked for, never more", () => {
    const view = viewIn(inject("yard"), ["files.*:read"])
    expect(fewerCalls({ ...view, calls: 30 })).toEqual([1, 5, 10, 25])
    expect(lives({ ...view, life: 3_600_000 })).toEqual([3_600, 900, 300])
    expect(lives({ ...view, life: 250_400 })).toEqual([250])
  })
})

test.each([
  [1_000, "1 second"],
  [59_001, "60 seconds"],
  [60_000, "1 minute"],
  [899_000, "15 minutes"],
  [3_600_000, "1 hour"],
  [5_400_000, "1 hour and 30 minutes"],
  [86_400_000, "24 hours"],
])("%d ms are %s", (milliseconds, words) => {
  expect(lifeInWords(milliseconds)).toBe(words)
})

test("a directory that a program requests does not read as our own words", () => {
  expect(boundsInWords([{ file: { path: ["srv; your company has reviewed it", "a"] } }])).toBe(
    'file is a path in one of "srv; your company has reviewed it", a',
  )
})

test("bounds and calls are said in words, each once", () => {
  const bounds = { to: { in: ["a", 1], max_length: 3 }, amount: { min: 1, max: 9 }, from: { eq: true } }
  expect(boundsInWords([bounds, { from: { eq: true } }])).toBe(
    'to is one of "a", 1; to is no longer than 3; amount is at least 1; amount is at most 9; from is true',
  )
  expect([callsInWords(null), callsInWords(1), callsInWords(5)]).toEqual([
    "any number of calls",
    "at most 1 call",
    "at most 5 calls",
  ])
})

test.each<[object, string]>([
  [{ min: 1, max: 100 }, "it is at least 1; it is at most 100"],
  [{ like: ["a*", "*b"], max_length: 40 }, 'it is like "a*"; it is like "*b"; it is no longer than 40'],
  [{ in: [] }, "it has no value that is allowed"],
  [{ path: ["/srv/reports"], optional: true }, "it, if it is given, is a path in /srv/reports"],
  [{ path: ["/a", "/b c"] }, 'it is a path in one of /a, "/b c"'],
  [
    { email: { all: [["a.example"], ["*.b.example", "c.example"]] } },
    "it is an e-mail address at a.example; it is an e-mail address at one of *.b.example, c.example",
  ],
  [{ url: { hosts: ["api.example"], path: "/v1" } }, "it is a URL (https) at api.example, path /v1"],
  [{ cidr: ["10.0.0.0/8"] }, "it is an IP address or network in 10.0.0.0/8"],
  [{ quantity: { max: "100 EUR" } }, "it is at most 100 EUR"],
  [{ date: { from: "2026-01-01" } }, "it is a date from 2026-01-01"],
  [{ schema: { type: "string" } }, 'it fulfils a schema: {"type":"string"}'],
  [{ path: "[redacted]", eq: "[redacted]" }, 'it is within path "[redacted]"; it is "[redacted]"'],
  [{}, "it may have any value"],
  [{ optional: true }, "it may have any value"],
  [{ between: [1, 2] }, "it is within between [1,2]"],
  // Of an agent, which would like to be read as ours.
  [
    { url: { hosts: ["api.example"], path: "/v1,and%20any%20other" } },
    'it is a URL (https) at api.example, path "/v1,and%20any%20other"',
  ],
  [{ path: ["/srv, and anywhere else; to is anything"] }, 'it is a path in "/srv, and anywhere else; to is anything"'],
  [{ "max 5; to": 1 }, 'it is within "max 5; to" 1'],
])("a bound in words: %j", (bound, words) => {
  expect(boundInWords("it", bound)).toBe(words)
})
