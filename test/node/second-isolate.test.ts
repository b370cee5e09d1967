/**
 * What is used or ended holds everywhere and for good: two isolates on the same Durable Objects, and the process killed
 * and started again on what it had written.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { BUILD_WITHIN_MS, START_WITHIN_MS } from "./bare-workerd.ts"
import {
  ask,
  assertion,
  build,
  call,
  complete,
  exchange,
  GATEWAY_KEY,
  kill,
  LOOK,
  open,
  openBound,
  opened,
  OTHER_LOOK,
  proof,
  remove,
  start,
  startOn,
  TOKEN_URI,
  URI,
  type Answer,
  type Isolate,
  type Task,
} from "./two-isolates.ts"

beforeAll(build, BUILD_WITHIN_MS + 5_000)
beforeEach(async () => startOn(), START_WITHIN_MS + 5_000)
afterEach(kill)
afterAll(remove)

const refusedAs = (status: number, error: string) => ({
  status,
  json: { error, error_description: expect.any(String), decision_id: expect.stringMatching(/^dec_/) },
})
const challengeOf = ({ headers }: Answer): string => headers.get("WWW-Authenticate") ?? ""
/** Of a proof that was used: no nonce would help. */
function expectReplayed(answer: Answer): void {
  expect(answer).toMatchObject(refusedAs(401, "invalid_token"))
  expect(challengeOf(answer)).toMatch(/^DPoP error="invalid_dpop_proof"/)
  expect(answer.headers.has("DPoP-Nonce")).toBe(false)
}

describe("two isolates on the same objects", () => {
  test("open and answer alike, and each for the other's tokens", async () => {
    const [ofA, ofB] = [await openBound("a"), await openBound("b")]
    for (const task of [ofA, ofB]) {
      for (const isolate of ["a", "b"] as const) {
        expect((await call(isolate, task, await proof("GET", URI, task.token))).status).toBe(200)
      }
    }
  })

  test("a proof used at one gateway is used at the other", async () => {
    const task = await openBound("a")
    const used = await proof("GET", URI, task.token)
    expect((await call("a", task, used)).status).toBe(200)
    expectReplayed(await call("b", task, used))
    const other = await proof("GET", URI, task.token)
    expect((await call("b", task, other)).status).toBe(200)
    expectReplayed(await call("a", task, other))
  })

  test("of a proof shown to both at once one is let through", async () => {
    const task = await openBound("b")
    const used = await proof("GET", URI, task.token)
    const isolates = ["a", "b", "a", "b", "a", "b"] as const
    const answers = await Promise.all(isolates.map(async (isolate) => call(isolate, task, used)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test("a proof used at one token endpoint is used at the other", async () => {
    const used = await proof("POST", TOKEN_URI, null)
    opened(await exchange("a", await assertion(), used))
    expect(await exchange("b", await assertion(), used)).toMatchObject(refusedAs(400, "invalid_dpop_proof"))
  })

  test("an assertion used at one is used at the other", async () => {
    const used = await assertion()
    opened(await exchange("a", used))
    expect(await exchange("b", used)).toMatchObject(refusedAs(401, "invalid_client"))
    const isolates = ["a", "b", "a", "b"] as const
    const other = await assertion()
    const answers = await Promise.all(isolates.map(async (isolate) => exchange(isolate, other)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test("a task completed at one is dead at the other at once", async () => {
    const task = await open("a")
    expect((await call("b", task)).status).toBe(200)
    expect((await complete("a", task)).status).toBe(200)
    expect(await call("b", task)).toMatchObject(refusedAs(401, "invalid_token"))
    expect(await call("a", task)).toMatchObject(refusedAs(401, "invalid_token"))
  })
})

/** A list that the gateway posts. */
async function post(isolate: Isolate, { token }: Task, tool: object): Promise<Answer> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools: [tool] } })
  const headers = {
    "X-Narrowgate-Filter-Key": GATEWAY_KEY,
    "X-Narrowgate-Server": "shed",
    "Content-Type": "application/json",
    Authorization: `Bearer ${token}`,
  }
  return ask(isolate, "/v1/tools/filter", { method: "POST", body, headers })
}

async function look(isolate: Isolate, { token }: Task): Promise<string> {
  const headers = {
    "X-Narrowgate-Key": GATEWAY_KEY,
    "X-Forwarded-Method": "POST",
    "X-Forwarded-Uri": "/shed/mcp",
    "X-Forwarded-Host": "api.test",
    "Content-Type": "application/json",
    Authorization: `Bearer ${token}`,
  }
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look"}}'
  const answer = await ask(isolate, "/authz/forward", { method: "POST", body, headers })
  return answer.headers.get("X-Narrowgate-Code") ?? "ok"
}

describe("a tool that one isolate has seen changed", () => {
  test("is denied by the other within its lease, and after the process was killed, until it is seen as it was", async () => {
    const task = await open("a")
    expect([await look("a", task), await look("b", task)]).toEqual(["ok", "ok"])
    expect((await post("a", task, OTHER_LOOK)).json).toMatchObject({ result: { tools: [] } })
    const seenAt = Date.now()
    await expect.poll(async () => look("b", task), { timeout: 5_000, interval: 100 }).toBe("tool_changed")
    expect(Date.now() - seenAt).toBeLessThan(4_000)
    expect(await look("a", task)).toBe("tool_changed")
    await kill()
    await start()
    expect([await look("a", task), await look("b", task)]).toEqual(["tool_changed", "tool_changed"])
    expect((await post("b", task, LOOK)).json).toMatchObject({ result: { tools: [LOOK] } })
    await expect.poll(async () => look("a", task), { timeout: 5_000, interval: 100 }).toBe("ok")
  })
})

describe("after the process was killed", () => {
  test("a proof used before is not taken: it is asked for anew, with a nonce, and then for once", async () => {
    const task = await openBound("a")
    const used = await proof("GET", URI, task.token)
    expect((await call("a", task, used)).status).toBe(200)
    await kill()
    await start()
    for (const isolate of ["b", "a"] as const) {
      const again = await call(isolate, task, used)
      expect(again).toMatchObject(refusedAs(401, "invalid_token"))
      expect(challengeOf(again)).toMatch(/^DPoP error="use_dpop_nonce"/)
    }
    const challenged = await call("a", task, used)
    const nonce = challenged.headers.get("DPoP-Nonce") ?? ""
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/)
    const wrong = await call("a", task, await proof("GET", URI, task.token, { nonce: `${nonce}x` }))
    expect(challengeOf(wrong)).toMatch(/^DPoP error="use_dpop_nonce"/)
    const fresh = await proof("GET", URI, task.token, { nonce })
    expect((await call("b", task, fresh)).status).toBe(200)
    expectReplayed(await call("a", task, fresh))
  }, 30_000)

  test("the nonce of an earlier life is worth nothing", async () => {
    const task = await openBound("a")
    await kill()
    await start()
    const first = (await call("a", task, await proof("GET", URI, task.token))).headers.get("DPoP-Nonce") ?? ""
    const used = await proof("GET", URI, task.token, { nonce: first })
    expect((await call("a", task, used)).status).toBe(200)
    await kill()
    await start()
    const again = await call("a", task, used)
    expect(again.status).toBe(401)
    expect(challengeOf(again)).toMatch(/^DPoP error="use_dpop_nonce"/)
    expect(again.headers.get("DPoP-Nonce")).not.toBe(first)
  }, 30_000)

  test("what was used at the token endpoint stays used", async () => {
    const [usedAssertion, usedProof] = [await assertion(), await proof("POST", TOKEN_URI, null)]
    opened(await exchange("a", usedAssertion, usedProof))
    await kill()
    await start()
    for (const isolate of ["a", "b"] as const) {
      expect(await exchange(isolate, usedAssertion)).toMatchObject(refusedAs(401, "invalid_client"))
      const replayed = await exchange(isolate, await assertion(), usedProof)
      expect(replayed).toMatchObject(refusedAs(400, "invalid_dpop_proof"))
    }
    await open("b")
  }, 30_000)

  test("a live task lives on, a completed one stays dead", async () => {
    const [live, dead] = [await open("a"), await open("b")]
    expect((await complete("b", dead)).status).toBe(200)
    await kill()
    await start()
    expect((await call("b", live)).status).toBe(200)
    expect(await call("a", dead)).toMatchObject(refusedAs(401, "invalid_token"))
  }, 30_000)
})

describe("killed as soon as it has answered a lone read, whose row may not be written", () => {
  const LEFT = 10
  const kinds = [
    ["a sliding window", { kind: "sliding", seconds: 600 }],
    ["a bucket", { kind: "bucket", seconds: 600, burst: 100 }],
  ] as const

  test.each(kinds)(
    "%s admits no more than it has left, and a hundredth less for each life at most",
    async (_what, span) => {
      const measure = { kind: "cost" } as const
      const limit = { kind: "limit", topic: "window", id: "w", of: { tools: ["*"] }, consequence: "deny" } as const
      await kill()
      await startOn(null, {
        guardrails: [{ ...limit, per: ["tree"], measure, limit: 100, span }],
        costs: { "files.list": 100 - LEFT },
        variables: { RECORD_DELAY_SECONDS: "60" },
      })
      for (let round = 0; round < 3; round++) {
        const task = await open("a")
        expect((await call("a", task, undefined, { method: "GET", path: "/files" })).status).toBe(200)
        let [admitted, lives] = [0, 0]
        for (let isOver = false; !isOver; lives++) {
          // The first of a life waits for its row, the second reserves what the third uses.
          for (let nth = 0; nth < 3 && !isOver; nth++) {
            const { status } = await call("a", task)
            expect([200, 429]).toContain(status)
            isOver = status === 429
            if (!isOver) admitted += 1
          }
          await kill()
          await start()
        }
        expect(admitted).toBeLessThanOrEqual(LEFT)
        expect(admitted).toBeGreaterThan(LEFT - lives)
      }
    },
    120_000,
  )
})
