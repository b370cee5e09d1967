/**
 * A request for what an agent has already, with the same key, continues its task: what that has used stays used. Nothing
 * else does, and nobody gets more by it, or for longer.
 */
import { describe, expect, test, vi } from "vitest"
import { exchangeForm, postForm, type Form, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, ORIGIN } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { idToken } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf, type ProofKey } from "../harness/proofs.ts"
import { stop } from "../harness/switches.ts"

yardForEach()

/** An instance of an agent. */
interface Bound extends OpenTask {
  readonly key: ProofKey
  readonly expiresIn: number
}

/** One login. */
const LOGIN = { auth_time: Math.floor(Date.now() / 1000) - 5 }
const loggedIn = async (user = "alice"): Promise<Form> => ({ subject_token: await idToken(user, { claims: LOGIN }) })

async function request(key: ProofKey | null, more: Form = {}, agent = "first") {
  const headers = key ? { DPoP: await proofForToken(key) } : {}
  return postForm({ ...(await exchangeForm(agent)), ...(await loggedIn()), ...more }, headers)
}

async function open(key: ProofKey | null, more: Form = {}, agent = "first"): Promise<Bound> {
  const { issued, refused } = await request(key, more, agent)
  if (!issued) throw new Error(JSON.stringify(refused))
  const { access_token: token, task, scope, expires_in: expiresIn } = issued
  return { token, task, scope, expiresIn, key: key ?? (await newProofKey()) }
}

async function list({ token, key }: Bound): Promise<string> {
  const once = async (nonce: string | null) => {
    const DPoP = await proofOf(key, "GET", `${ORIGIN}/files`, token, nonce === null ? {} : { claims: { nonce } })
    return askAs("envoy", { method: "GET", path: "/files", headers: { Authorization: `DPoP ${token}`, DPoP } })
  }
  const { code, headers } = await once(null)
  const nonce = headers.get("DPoP-Nonce")
  return nonce === null ? code : (await once(nonce)).code
}

const act = async ({ task }: OpenTask, what: string): Promise<void> => {
  const { status } = await manage("POST", `/v1/tasks/${task}/${what}`, await bearerOf("operator"))
  expect(status).toBe(200)
}

const twiceATree = async (): Promise<void> => {
  const few = window({ id: "few", tools: ["files.list"], per: "tree", limit: 2, seconds: 60 })
  await publish({ ...(await yard()), guardrails: [few] })
  forgetCaches()
}

describe("a request for the same with the same key", () => {
  test("continues the task, with what it has used, also after its ledger has died", async () => {
    await twiceATree()
    const key = await newProofKey()
    const first = await open(key)
    expect([await list(first), await list(first)]).toEqual(["ok", "ok"])
    const second = await open(key)
    expect(second).toMatchObject({ task: first.task, scope: first.scope })
    expect(second.token).not.toBe(first.token)
    expect(await list(second)).toBe("rate_limited")
    await killObjects()
    const third = await open(key)
    expect(third.task).toBe(first.task)
    expect(await list(third)).toBe("rate_limited")
  })

  test("twice at the same moment continues one task", async () => {
    const key = await newProofKey()
    const tasks = await Promise.all([open(key), open(key), open(key)])
    expect(new Set(tasks.map(({ task }) => task)).size).toBe(1)
  })

  test("does not extend the task, and opens another once less than a minute is left of it", async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const key = await newProofKey()
    const session = {
      subject_token: await idToken("alice", { claims: { ...LOGIN, exp: Math.floor(start / 1000) + 3_600 } }),
    }
    const first = await open(key, session)
    vi.setSystemTime(start + 500_000)
    const second = await open(key, session)
    expect(second.task).toBe(first.task)
    // The purpose's life is 600 seconds.
    expect(second.expiresIn).toBeLessThanOrEqual(100)
    vi.setSystemTime(start + 541_000)
    const third = await open(key, session)
    expect(third.task).not.toBe(first.task)
    expect(await list(third)).toBe("ok")
  })

  test.each(["complete", "abort"])("opens another task after it has ended: %s", async (how) => {
    const key = await newProofKey()
    const first = await open(key)
    await act(first, how)
    const second = await open(key)
    expect(second.task).not.toBe(first.task)
    expect(await list(second)).toBe("ok")
    expect(await list(first)).toBe("invalid_token")
    // Nor is it continued because somebody has asked about it.
    expect((await manage("GET", `/v1/tasks/${first.task}`, await bearerOf("viewer"))).status).toBe(200)
    expect((await open(key)).task).toBe(second.task)
  })

  test("neither continues a quarantined task nor opens another, until it is released", async () => {
    const key = await newProofKey()
    const first = await open(key)
    await act(first, "quarantine")
    expect((await request(key)).refused).toMatchObject({ error: "access_denied" })
    await act(first, "release")
    expect((await open(key)).task).toBe(first.task)
  })

  test("by a weaker or an older login opens another task, and does not profit from the better one", async () => {
    const key = await newProofKey()
    const now = Math.floor(Date.now() / 1000)
    const session = async (claims: Readonly<Record<string, unknown>>): Promise<Form> => ({
      subject_token: await idToken("alice", { claims }),
    })
    const strong = await open(key, await session({ acr: "mfa", auth_time: now - 10 }))
    const weak = await open(key, await session({ auth_time: now - 10 }))
    expect(weak.task).not.toBe(strong.task)
    const older = await open(key, await session({ acr: "mfa", auth_time: now - 400 }))
    expect([strong.task, weak.task]).not.toContain(older.task)
  })
})

test("whose authority a switch has stopped is not continued: a session of afterwards opens another task", async () => {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: start })
  const key = await newProofKey()
  const first = await open(key)
  vi.setSystemTime(start + 10_000)
  await stop({ kind: "user", user: "https://idp.test|alice" }, start + 5_000)
  const second = await open(key)
  expect(second.task).not.toBe(first.task)
  expect(await list(second)).toBe("ok")
  expect(await list(first)).not.toBe("ok")
  expect((await open(key)).task).toBe(second.task)
})

describe("another task opens", () => {
  test.each<readonly [string, Form]>([
    ["for less", { scope: "files.read:read" }],
    ["for another purpose", { purpose: "errand" }],
    [
      "with other bounds",
      {
        authorization_details: JSON.stringify([
          { type: "narrowgate_call", tools: ["files.*"], actions: ["read"], calls: 7 },
        ]),
      },
    ],
  ])("%s", async (_what, more) => {
    const key = await newProofKey()
    const first = await open(key)
    const other = await open(key, more)
    expect(other.task).not.toBe(first.task)
    expect(other.scope).not.toBe("")
    // Each of them goes on.
    expect((await open(key, more)).task).toBe(other.task)
    expect((await open(key)).task).toBe(first.task)
  })

  test("with another key, for another agent, for another user, and with none", async () => {
    const key = await newProofKey()
    const { task } = await open(key)
    const others = [
      await open(await newProofKey()),
      await open(key, {}, "second"),
      await open(key, await loggedIn("bob")),
      await open(null),
      await open(null),
    ]
    expect(new Set([task, ...others.map((each) => each.task)]).size).toBe(6)
  })
})
