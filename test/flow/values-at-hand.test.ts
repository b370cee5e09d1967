/**
 * A call whose bundle, keys and switches this isolate has at hand waits for nothing before its ledger is asked. It must
 * be decided, counted and recorded as in a cold isolate, where it waits for each of them.
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { openTaskFor, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, HTTP_DIALECTS, type ClientRequest, type HttpDialect } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { callsOf } from "../harness/ledgers.ts"
import { recordOf } from "../harness/records.ts"
import { longerBy, runsOf } from "../harness/runs.ts"

yardForEach()

interface Step {
  readonly gateway: HttpDialect
  readonly path: string
  readonly method: string
  readonly token: "own" | "forged" | "cut" | "bound"
}

const step: fc.Arbitrary<Step> = fc.record({
  gateway: fc.constantFrom(...HTTP_DIALECTS),
  path: fc.constantFrom(
    "/files",
    "/files/a?b=c",
    "/files/..",
    "/forbidden",
    "/thrice",
    "/burst",
    "/nothing",
    "/double/2",
  ),
  method: fc.constantFrom("GET", "GET", "GET", "PUT", "DELETE"),
  token: fc.constantFrom("own", "own", "own", "own", "forged", "cut", "bound"),
})

function requestOf({ token: which, method }: Step, { token }: OpenTask): Partial<ClientRequest> {
  const presented = {
    own: token,
    forged: `${token.slice(0, -8)}AAAAAAAA`,
    cut: token.slice(0, token.lastIndexOf(".")),
    bound: token,
  }[which]
  const scheme = which === "bound" ? "DPoP" : "Bearer"
  return { method, headers: { Authorization: `${scheme} ${presented}` } }
}

/** What the two calls' own ids, times and persons determine. */
const OWN = new Set([
  "id",
  "at",
  "task",
  "user",
  "token_hash",
  "arguments_hash",
  "total_ms",
  "io_ms",
  "steps",
  "life",
  "number",
  "denial",
  "principal",
])

async function outcomeOf(each: Step, task: OpenTask): Promise<unknown> {
  const { gateway, path } = each
  const { status, code, decision, headers } = await callWith(task.token, path, requestOf(each, task), gateway)
  const record = await recordOf(decision)
  const told = [
    "RateLimit-Policy",
    "X-Narrowgate-Agent",
    "X-Narrowgate-Purpose",
    "X-Narrowgate-Tool",
    "WWW-Authenticate",
  ]
  return {
    answer: [status, code, ...told.map((name) => headers.get(name))],
    record: {
      ...Object.fromEntries(Object.entries(record).filter(([name]) => !OWN.has(name))),
      windows: record.windows.map(({ window, used }) => [window, used]),
    },
    isOwn: record.task === task.task,
    reason: record.denial?.reason,
    isHashed: record.arguments_hash !== null,
  }
}

describe("values at hand", () => {
  test(
    "a call is decided, counted and recorded as in a cold isolate",
    async () => {
      const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 6 }), async (steps) => {
        const [warm, cold] = [await openTaskFor("alice"), await openTaskFor("bob")]
        for (const each of steps) {
          // The first call finds the values for the second.
          await callWith(warm.token, "/files/a")
          const outcome = await outcomeOf(each, warm)
          await callWith(cold.token, "/files/a")
          forgetCaches()
          expect([each, await outcomeOf(each, cold)]).toEqual([each, outcome])
        }
        expect(await callsOf(cold.task)).toBe(await callsOf(warm.task))
      })
      await fc.assert(property, { seed: 20261128, numRuns: runsOf(6) })
    },
    longerBy(120_000),
  )
})
