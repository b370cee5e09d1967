/** An answer says what about a request was wrong: its sender, often a program, has nothing else to correct it by. */
import { exports } from "cloudflare:workers"
import { expect, test } from "vitest"
import { z } from "zod"
import { describeDenial } from "../../src/core/denials/denial.ts"
import { CODES } from "../../src/core/denials/terms/code.ts"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, keyOf, readAnswer, type ClientRequest } from "../harness/gateways.ts"
import { US } from "../harness/issuers.ts"

yardForEach()

const JSON_TYPE = "application/json"
const NOT_SEEN = "An argument that a rule reads was not seen: "

interface Case {
  readonly of: string
  readonly body?: string
  readonly type?: string
  readonly path?: string
  readonly gateway?: string
  readonly says: string
}

const CASES: readonly Case[] = [
  {
    of: "a value that no rule reads",
    body: '{"to":5.5}',
    says: 'A rule cannot read the value of the argument "to". Where it compares decimals, send a number with at most four digits after the point, such as 12.34; elsewhere it reads no fraction. It never reads a null, an integer beyond 2^53 - 1, or what is nested too deep.',
  },
  {
    of: "a long body",
    body: `{"to":"${"a".repeat(262_144)}"}`,
    says: `${NOT_SEEN}the body is longer than 262,144 bytes.`,
  },
  {
    of: "a form",
    body: "to=a@example.org",
    type: "application/x-www-form-urlencoded",
    says: `${NOT_SEEN}the Content-Type of the body is not JSON in UTF-8.`,
  },
  {
    of: "another charset",
    body: '{"to":"a"}',
    type: "application/json; charset=utf-16",
    says: "The request was not accepted: its body has a charset or names that readers differ on, or more of them than are searched, and may ask for another method.",
  },
  { of: "a list", body: '["a"]', says: `${NOT_SEEN}the body is not a JSON object.` },
  {
    of: "an inexact number",
    body: '{"to":"a","n":0.10000000000000001}',
    says: `${NOT_SEEN}the body has a number that a double does not hold exactly.`,
  },
  { of: "a body that its gateway keeps", gateway: "nginx", says: `${NOT_SEEN}the gateway does not pass on the body.` },
  {
    of: "a part of the query that is no plain name",
    body: '{"to":"a@example.org"}',
    path: "/mail?filter[a]=1",
    says: "A part of the query can be read as an argument that a rule reads or that is redacted.",
  },
  {
    of: "another spelling",
    body: '{"To":"a@example.org"}',
    says: "An argument, or a member of one, has a name that can be read as another one that a rule reads or that is redacted.",
  },
  {
    of: "a key that stands twice",
    body: '{"to":"a","to":"b"}',
    says: "The body was not accepted: it has a key twice, or two that some readers take for one.",
  },
  {
    of: "an ambiguous path",
    body: "{}",
    path: "/mail?to=a&to=b",
    says: "The request was not accepted: an argument stands twice, or two that some readers take for one.",
  },
]

const described = (body: string): string =>
  z.object({ error_description: z.string() }).parse(JSON.parse(body)).error_description

test.each(CASES)(
  "an answer names the cause of $of",
  async ({ body, type = JSON_TYPE, path = "/mail", gateway, says }) => {
    const { token } = await openTask("first", { scope: "mail.*:write" })
    const headers = { "Content-Type": type }
    const request = { method: "POST", headers, ...(body !== undefined && { body }) }
    const answer = await callWith(token, path, request, gateway)
    expect([answer.code, described(answer.body)]).toEqual(["malformed_call", says])
  },
)

test.each([
  ["of 262,144 bytes is read", 262_144, "ok"],
  ["of one byte more is not", 262_145, "malformed_call"],
])("a body %s, however many characters these are", async (_what, bytes, code) => {
  const { token } = await openTask("first", { scope: "mail.*:write" })
  const rest = '{"to":"a@example.org","text":""}'
  for (const pair of ["aa", "é"]) {
    const text = pair.repeat(131_000) + "a".repeat(bytes - 262_000 - rest.length)
    const request = { method: "POST", headers: { "Content-Type": JSON_TYPE }, body: rest.replace('""', `"${text}"`) }
    expect([pair, (await callWith(token, "/mail", request)).code]).toEqual([pair, code])
  }
})

test("a gateway that does not say what was called learns which header is missing", async () => {
  const headers = { "X-Narrowgate-Key": keyOf("envoy") }
  const answer = await readAnswer(await exports.default.fetch(new Request(`${US}/authz/envoy/mail`, { headers })))
  expect([answer.code, described(answer.body)]).toEqual([
    "malformed_call",
    "The gateway did not say what was called: its header X-Narrowgate-Original-Path is missing or malformed.",
  ])
})

test("an answer names no argument that only the policy names", async () => {
  const { token } = await openTask("first", { scope: "mail.*:write" })
  // `text` is redacted; `to` is what a rule reads.
  const sent: readonly Partial<ClientRequest>[] = [
    { body: '{"to":"a@example.org","Text":"a"}' },
    { path: "/mail?filter[a]=1", body: '{"to":"a@example.org"}' },
    { body: "[]" },
  ]
  for (const { path = "/mail", body = "" } of sent) {
    const answer = await callWith(token, path, { method: "POST", headers: { "Content-Type": JSON_TYPE }, body })
    expect(answer.code).toBe("malformed_call")
    expect(described(answer.body)).not.toMatch(/"|\btext\b/i)
  }
})

test.each([
  {
    code: "policy_denied" as const,
    path: "/mail",
    body: '{"to":"a@evil.test"}',
    says: "Mail goes to example.org only: “to” is elsewhere.",
  },
  {
    code: "step_up_required" as const,
    path: "/safe",
    says: "The safe opens after a login with a second factor.",
  },
  {
    code: "approval_required" as const,
    path: "/till/bob",
    body: '{"amount":500}',
    says: "More than 100 needs finance.",
  },
])("a rule that denies says itself what is wrong: $code", async ({ code, path, body, says }) => {
  const { token } = await openTask("first")
  const request = body === undefined ? {} : { method: "POST", headers: { "Content-Type": JSON_TYPE }, body }
  const answer = await callWith(token, path, request)
  expect([answer.code, described(answer.body)]).toEqual([code, `${CODES[code].sentence} ${says}`])
})

test("a rule without a message adds nothing, nor does a permit that is missing", async () => {
  const { token } = await openTask("first", { scope: "files.*:read mail.*:write vault.*:read" })
  const send = (to: string) =>
    callWith(token, "/mail", { method: "POST", headers: { "Content-Type": JSON_TYPE }, body: JSON.stringify({ to }) })
  await callWith(token, "/vault/1")
  expect(described((await send("a@example.org")).body)).toBe(CODES.policy_denied.sentence)
})

test("what an answer repeats of a request is short, and steers no terminal", () => {
  const denial = { reason: "arguments_unrepresentable", argument: `\u001b[31m"\n${"x".repeat(900)}` } as const
  const says = describeDenial(denial)
  expect(says.length).toBeLessThan(400)
  expect(says).toMatch(/^[ -~…]*$/)
  expect(says).toContain('"?[31m\\"?xxx')
})
