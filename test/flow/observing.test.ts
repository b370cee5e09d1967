/** A gateway that observes lets through what is denied: it happened, and an enforcing gateway must know of it. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import type { Guardrail } from "../../src/guardrails/definition.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith, askAs, ORIGIN } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, freshIsolate } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { crash } from "../harness/ledgers.ts"
import { bearerOf, complete } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(async () => {
  vi.restoreAllMocks()
  await freshIsolate()
})

const MAIL = {
  method: "POST",
  body: JSON.stringify({ to: "a@example.org" }),
  headers: { "Content-Type": "application/json" },
}
const mail = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/mail", MAIL)).code
const watched = async ({ token }: OpenTask, path: string): Promise<string> => {
  const { status, decision } = await callWith(token, path, {}, "watch")
  expect(status).toBe(200)
  return (await recordOf(decision)).code
}

const guardedBy = async (...guardrails: readonly Guardrail[]): Promise<void> => {
  await publish({ ...(await yard()), guardrails }, 2)
  forgetCaches()
}

/** Ways to be denied a read of what is confidential; each of them is let through by the gateway that observes. */
const DENIED: Readonly<Record<string, readonly [code: string, read: () => Promise<readonly [OpenTask, string]>]>> = {
  "by its token's scope, at the edge": [
    "insufficient_scope",
    async () => {
      const task = await openTask("first", { scope: "mail.send:write" })
      return [task, await watched(task, "/vault/1")]
    },
  ],
  "by a bound of its grant, in the ledger": [
    "insufficient_scope",
    async () => {
      const details = [
        { type: "narrowgate_call", tools: ["vault.*"], actions: ["read"], arguments: { item: { eq: "2" } } },
        { type: "narrowgate_call", tools: ["mail.*"], actions: ["write"] },
      ]
      const task = await openTask("first", { authorization_details: JSON.stringify(details) })
      return [task, await watched(task, "/vault/1")]
    },
  ],
  "by a window that is full, in the ledger": [
    "rate_limited",
    async () => {
      const body = await yard()
      const tools = body.tools.map((tool) => (tool.name === "vault.read" ? { ...tool, cost: 2 } : tool))
      const none = { id: "none", tools: ["vault.*"], per: "tree", limit: 1, seconds: 600 } as const
      await publish({ ...body, tools, guardrails: [window(none, { measure: { kind: "cost" } })] }, 2)
      forgetCaches()
      const task = await openTask("first")
      return [task, await watched(task, "/vault/1")]
    },
  ],
}

describe("a read that was denied, and let through", () => {
  test.each(Object.entries(DENIED))("%s, leaves its label before it happens", async (_where, [code, read]) => {
    const [task, denied] = await read()
    expect(denied).toBe(code)
    expect(await mail(task)).toBe("policy_denied")
    await crash()
    expect(await mail(task)).toBe("policy_denied")
  })

  test("of another task than its token's leaves nothing", async () => {
    const [task, other] = [await openTask("first"), await openTask("first", { scope: "mail.send:write" })]
    expect(await watched(other, "/vault/1")).toBe("insufficient_scope")
    expect(await mail(task)).toBe("ok")
  })

  test("is what a condition forbids by, and nothing that one requires", async () => {
    const formerly = { kind: "formerly", event: { tools: ["vault.read"], where: [] }, seconds: 3_600 } as const
    const sequence = { kind: "sequence", of: { tools: ["files.list"] }, consequence: "deny" } as const
    await guardedBy({ ...sequence, id: "not-after-vault", require: { kind: "not", of: formerly } })
    const task = await openTask("first", { scope: "files.*:read" })
    expect((await callWith(task.token, "/files")).code).toBe("ok")
    expect(await watched(task, "/vault/1")).toBe("insufficient_scope")
    expect((await callWith(task.token, "/files")).code).toBe("sequence_denied")

    await publish({ ...(await yard()), guardrails: [{ ...sequence, id: "only-after-vault", require: formerly }] }, 3)
    forgetCaches()
    const needing = await openTask("first", { scope: "files.*:read" })
    expect(await watched(needing, "/vault/1")).toBe("insufficient_scope")
    expect((await callWith(needing.token, "/files")).code).toBe("sequence_denied")
  })

  test("counts where there is room, and never above a limit", async () => {
    await guardedBy(window({ id: "few", tools: ["vault.*", "files.*"], per: "tree", limit: 2, seconds: 600 }))
    const task = await openTask("first", { scope: "files.*:read" })
    expect(await watched(task, "/vault/1")).toBe("insufficient_scope")
    expect((await callWith(task.token, "/files")).code).toBe("ok")
    expect((await callWith(task.token, "/files")).code).toBe("rate_limited")
    for (let index = 0; index < 3; index++) expect(await watched(task, "/vault/1")).toBe("insufficient_scope")
    const { headers } = await callWith(task.token, "/files")
    expect(headers.get("RateLimit")).toMatch(/^"few";r=0;/)
    expect((await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).windows).toMatchObject([{ used: 2 }])
  })

  test("with a proof that was used before is nobody's: whoever saw it could give its owner a history", async () => {
    const formerly = { kind: "formerly", event: { tools: ["vault.read"], where: [] }, seconds: 3_600 } as const
    await guardedBy({
      kind: "sequence",
      id: "not-after-vault",
      of: { tools: ["files.list"] },
      consequence: "deny",
      require: { kind: "not", of: formerly },
    })
    const holder = await newProofKey()
    const { token } = await openTask("bound", {}, await proofForToken(holder))
    const showing = async (method: string, path: string, proof: string, gateway: string): Promise<string> => {
      const headers = { Authorization: `DPoP ${token}`, DPoP: proof }
      return (await recordOf((await askAs(gateway, { method, path, headers })).decision)).code
    }
    const list = async (): Promise<string> =>
      showing("GET", "/files", await proofOf(holder, "GET", `${ORIGIN}/files`, token), "envoy")
    // Used up by a call of its own that never reached the catalog.
    const proof = await proofOf(holder, "GET", `${ORIGIN}/vault/1`, token)
    expect(await showing("GET", "/vault/1?a=1&a=2", proof, "envoy")).toBe("malformed_call")
    expect(await showing("GET", "/vault/1", proof, "watch")).toBe("invalid_token")
    expect(await list()).toBe("ok")
    const fresh = await proofOf(holder, "GET", `${ORIGIN}/vault/1`, token)
    expect(await showing("GET", "/vault/1", fresh, "watch")).toBe("insufficient_scope")
    expect(await list()).toBe("sequence_denied")
  })
})

describe("the identity headers of a gateway that observes", () => {
  const NAMES = ["Agent", "User", "Task", "Purpose"].map((name) => `X-Narrowgate-${name}`)
  const named = async (token: string, path = "/files/a"): Promise<readonly (string | null)[]> => {
    const { status, headers } = await callWith(token, path, {}, "watch")
    expect(status).toBe(200)
    return NAMES.map((name) => headers.get(name))
  }
  const NOBODY = NAMES.map(() => "")

  test.each<readonly [string, () => Promise<string>]>([
    ["is none", async () => "junk"],
    [
      "is of a task that has ended",
      async () => {
        const { token, task } = await openTask("first")
        await complete(task, await bearerOf("operator"))
        return token
      },
    ],
    [
      "is of an agent that is stopped",
      async () => {
        const { token } = await openTask("first")
        await stop({ kind: "agent", agent: agentId("first") })
        forgetCaches()
        return token
      },
    ],
    [
      "is bound, and shown without its key",
      async () => {
        const holder = await newProofKey()
        return (await openTask("bound", {}, await proofForToken(holder))).token
      },
    ],
  ])("name nobody if the credential %s", async (_what, tokenOf) => {
    const token = await tokenOf()
    for (const path of ["/files/a", "/vault/1", "/nowhere", "/files/%2e%2e/a"])
      expect(await named(token, path)).toEqual(NOBODY)
  })

  test("name who calls if only the call was denied", async () => {
    const details = [
      { type: "narrowgate_call", tools: ["files.*"], actions: ["read"], arguments: { file: { eq: "b" } } },
    ]
    const { token, task } = await openTask("first", { authorization_details: JSON.stringify(details) })
    expect((await named(token)).slice(2)).toEqual([task, "work"])
  })

  test.each([
    ["its tool is unknown", "/nowhere"],
    ["its target is ambiguous", "/files/%2e%2e/a"],
    ["its scope does not cover it", "/vault/1"],
  ])("name who calls if the call was denied at the edge, as %s", async (_why, path) => {
    const { token, task } = await openTask("first", { scope: "files.*:read" })
    expect(await named(token, path)).toEqual([agentId("first"), expect.stringContaining("alice"), task, "work"])
  })

  test("name nobody if a call that is denied at the edge shows a proof again, and name its owner the first time", async () => {
    const holder = await newProofKey()
    const { token, task } = await openTask("first", {}, await proofForToken(holder))
    const DPoP = await proofOf(holder, "GET", `${ORIGIN}/nowhere`, token)
    const show = async () => {
      const { headers } = await askAs("watch", { path: "/nowhere", headers: { Authorization: `DPoP ${token}`, DPoP } })
      return NAMES.map((name) => headers.get(name))
    }
    expect(await show()).toEqual([agentId("first"), expect.stringContaining("alice"), task, "work"])
    expect(await show()).toEqual(NOBODY)
  })
})

// At the end: a lease that is being renewed when a test ends would still hold the switch in the next one.
test("a read that a switch on its tool denied leaves its label too", async () => {
  const task = await openTask("first")
  await stop({ kind: "tool", tool: "vault.read" })
  forgetCaches()
  expect(await watched(task, "/vault/1")).toBe("policy_denied")
  expect(await mail(task)).toBe("policy_denied")
  await crash()
  expect(await mail(task)).toBe("policy_denied")
})
