/** What a request to manage is answered that cannot be taken: what is wrong with it, in one sentence. */
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { yardForEach } from "../harness/each-test.ts"
import { bearerOf, manage } from "../harness/management.ts"

yardForEach()

async function wrong(path: string, body: unknown): Promise<string> {
  const { status, json } = await manage("POST", path, await bearerOf("operator"), {}, body)
  expect(status).toBe(400)
  return z.object({ error_description: z.string() }).parse(json).error_description
}

describe("a stop is told what is wrong with it", () => {
  test.each<readonly [body: unknown, says: RegExp]>([
    [{}, /^Name exactly one of task, token, agent, user, issuer, tool, key, everything\.$/],
    [{ agent: "a", everything: true }, /^Name exactly one of/],
    [{ task: "tsk_nope" }, /^A task is named by its id: tsk_/],
    [{ tool: "orders.g*" }, /^A tool is named in full, or by a prefix such as crm\.\*/],
    [{ user: "alice", confirm: true }, /^A user is named by issuer and subject, joined by \|/],
    [{ agent: "a", reason: "a\nb" }, /^A reason has 1 to 1024 characters, without line breaks/],
    [{ agent: "a", reason: "a".repeat(1_025) }, /^A reason has 1 to 1024 characters/],
    [{ agent: "a", before: "x" }, /^`before` was not accepted: /],
    [{ key: "a", before: 1 }, /^`before` does not go with a task, a token or a key\.$/],
    [{ agnet: "a" }, /^The body takes no `agnet`\.$/],
    ["junk", /^The body was not accepted: /],
  ])("%j", async (body, says) => {
    expect(await wrong("/v1/revocations", body)).toMatch(says)
  })
})

test.each<readonly [query: string, says: RegExp]>([
  ["trase=1", /^The query takes no `trase`\.$/],
  ["limit=0", /^`limit` was not accepted: Too small: [^\n]+\.$/],
  ["trace=1&limit=x", /^`(?:limit|trace)` was not accepted: [^\n✖]+\.$/u],
  [`%E2%80%AE${"x".repeat(600)}=1`, /^The query takes no `\?x{1,256}…`\.$/u],
])("a query gets an answer that says what is wrong with it: %s", async (query, says) => {
  const { status, json } = await manage("GET", `/v1/decisions?${query}`, await bearerOf("viewer"))
  expect(status).toBe(400)
  expect(json).toMatchObject({ error_description: expect.stringMatching(says) })
})

test("a stop of a user without an issuer names who may be meant, and stops nobody", async () => {
  const bearer = await bearerOf("operator")
  const preview = await manage("POST", "/v1/revocations", bearer, {}, { user: "operator", preview: true })
  expect(preview).toMatchObject({ status: 200, json: { known: false, nearest: ["https://idp.test|operator"] } })
  const stop = await manage("POST", "/v1/revocations", bearer, {}, { user: "operator" })
  expect(stop).toMatchObject({ status: 404, json: { nearest: ["https://idp.test|operator"] } })
  const { json } = await manage("GET", "/v1/revocations", bearer)
  expect(json).toEqual({ revocations: [] })
})

test.each<readonly [body: unknown, says: RegExp]>([
  [{ level: 10 }, /^Name exactly one of agent, user, task\.$/],
  [{ agent: "a", level: 101 }, /^`level` was not accepted: /],
  [{ task: "tsk_nope", level: 1 }, /^A task is named by its id: tsk_/],
  [{ user: "alice", level: 1, confirm: true }, /^A user is named by issuer and subject/],
  [{ agent: "a", level: 1, stream: "s" }, /^`stream` goes with level 0/],
])("a risk is told what is wrong with it: %j", async (body, says) => {
  expect(await wrong("/v1/risks", body)).toMatch(says)
})
