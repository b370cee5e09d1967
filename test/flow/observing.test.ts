/** A gateway that observes lets through what is denied: it happened, and an enforcing gateway must know of it. */
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { Condition } from "../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { LENDING_VERSION } from "../../src/core/guardrails/lending/lending.ts"
import { CallPace, MAX_PACE } from "../../src/ledger/pace.ts"
import { sharedLimitOf } from "../../src/ledger/shared-limit.ts"
import { openTask, openTaskFor, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, askAs, ORIGIN, type ClientRequest } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { bearerOf, complete } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

yardForEach()

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
  test("of an agent that calls too fast is stored all the same, and counts for its pace", async () => {
    const task = await openTask("first")
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { deny } = CallPace.prototype
    const hurried = vi.spyOn(CallPace.prototype, "deny").mockImplementation(function (this: CallPace, ...call) {
      for (let nth = 0; nth < MAX_PACE.agent * 5; nth++) deny.apply(this, call)
      return deny.apply(this, call)
    })
    expect(await mail(task)).toBe("rate_limited")
    expect(await watched(task, "/vault/1")).toBe("ok")
    expect(await mail(task)).toBe("rate_limited")
    hurried.mockRestore()
    vi.useFakeTimers({ now: Date.now() + 10_000, toFake: ["Date"] })
    expect(await mail(task)).toBe("policy_denied")
  })

  test.each(Object.entries(DENIED))("%s, leaves its label before it happens", async (_where, [code, read]) => {
    const [task, denied] = await read()
    expect(denied).toBe(code)
    expect(await mail(task)).toBe("policy_denied")
    await killObjects()
    expect(await mail(task)).toBe("policy_denied")
  })

  test("for another person leaves nothing; for the same person in another task, what it may have read", async () => {
    const [task, bobs] = [await openTask("first"), await openTaskFor("bob", "first", { scope: "mail.send:write" })]
    expect(await watched(bobs, "/vault/1")).toBe("insufficient_scope")
    expect(await mail(task)).toBe("ok")
    expect(await watched(await openTask("first", { scope: "mail.send:write" }), "/vault/1")).toBe("insufficient_scope")
    expect(await mail(task)).toBe("policy_denied")
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

  const VAULT = { tools: ["vault.read"], where: [] }
  const BURST = { tools: ["burst.go"], where: [] }
  const previous = { kind: "previous", event: VAULT, seconds: 3_600, in: "tree" } as const
  const since = { kind: "since", event: VAULT, undoneBy: BURST, seconds: 3_600 } as const
  const listAfter = async (require: Condition): Promise<OpenTask> => {
    const sequence = { kind: "sequence", id: "list", of: { tools: ["files.list"] }, consequence: "deny" } as const
    await guardedBy({ ...sequence, require })
    return openTask("first", { scope: "files.*:read vault.*:read" })
  }
  const list = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files")).code

  test.each<readonly [string, Condition]>([
    ["a `since` that it would undo", { kind: "not", of: since }],
    ["a `previous` that it would come after", { kind: "not", of: previous }],
    [
      "a `count` that it would exceed",
      { kind: "not", of: { kind: "count", event: BURST, seconds: 60, is: { atMost: 0 } } },
    ],
  ])("lifts no denial: %s", async (_what, condition) => {
    const task = await listAfter(condition)
    expect((await callWith(task.token, "/vault/1")).code).toBe("ok")
    expect(await list(task)).toBe("sequence_denied")
    expect(await watched(task, "/burst")).toBe("insufficient_scope")
    expect(await list(task)).toBe("sequence_denied")
    await killObjects()
    expect(await list(task)).toBe("sequence_denied")
  })

  test("may have been the last call, until another one is allowed", async () => {
    const task = await listAfter({ kind: "not", of: { ...previous, event: BURST } })
    expect(await watched(task, "/burst")).toBe("insufficient_scope")
    expect(await list(task)).toBe("sequence_denied")
    await killObjects()
    expect(await list(task)).toBe("sequence_denied")
    expect((await callWith(task.token, "/vault/1")).code).toBe("ok")
    await killObjects()
    expect(await list(task)).toBe("ok")
  })

  test.each([
    ["of 16 values of `where` may each have been the last call", 16, "ok"],
    ["of 17 may have been any", 17, "sequence_denied"],
  ])("%s", async (_what, values, another) => {
    const tie = { past: "arguments.item", present: "arguments.folder" } as const
    const sequence = { kind: "sequence", id: "list", of: { tools: ["files.list"] }, consequence: "deny" } as const
    await guardedBy({ ...sequence, require: { kind: "not", of: { ...previous, event: { ...VAULT, where: [tie] } } } })
    const task = await openTask("first", { scope: "files.*:read" })
    const codeOf = async (folder: number): Promise<string> =>
      (await callWith(task.token, `/files?folder=${folder}`)).code
    for (let value = 1; value <= values; value++)
      expect(await watched(task, `/vault/${value}`)).toBe("insufficient_scope")
    for (const folder of [1, 16]) expect(await codeOf(folder)).toBe("sequence_denied")
    await killObjects()
    for (const folder of [1, 16]) expect(await codeOf(folder)).toBe("sequence_denied")
    expect(await codeOf(99)).toBe(another)
  })

  test("of which it cannot be read what it was may have been any that a condition forbids by", async () => {
    const tie = { past: "arguments.item", present: "arguments.folder" } as const
    const event = { ...VAULT, where: [tie] }
    const sequence = { kind: "sequence", id: "list", of: { tools: ["files.list"] }, consequence: "deny" } as const
    await guardedBy({ ...sequence, require: { kind: "not", of: { kind: "formerly", event, seconds: 3_600 } } })
    const task = await openTask("first", { scope: "files.*:read" })
    expect(await watched(task, "/vault/1")).toBe("insufficient_scope")
    expect((await callWith(task.token, "/files?folder=2")).code).toBe("ok")
    expect((await callWith(task.token, "/files?folder=1")).code).toBe("sequence_denied")
    expect(await watched(task, "/vault/1?%5Bitem%5D=3")).toBe("insufficient_scope")
    expect((await callWith(task.token, "/files?folder=2")).code).toBe("sequence_denied")
    await killObjects()
    expect((await callWith(task.token, "/files?folder=2")).code).toBe("sequence_denied")
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

  /** As its object has it. */
  const usedOf = async ({ id, limit, measure, span }: Limit): Promise<number> => {
    if (span.kind === "life") throw new Error("it is not shared")
    const take = {
      id: crypto.randomUUID(),
      holder: env.LEDGER.newUniqueId().toString(),
      settled: [],
      limit: { measure, limit, span, seq: 0 },
    }
    const values = Array.from({ length: 100 }, (_, index) => `other ${index}`)
    const much = { amount: 1_000_000_000, want: 1_000_000_000 }
    const asked = measure.kind === "distinct" ? { ...take, amount: 0, want: 0, values } : { ...take, ...much }
    return (await sharedLimitOf(env, id, "").take(LENDING_VERSION, asked)).used
  }

  test.each<readonly [string, string, Record<string, string>]>([
    ["in the ledger", "sequence_denied", { purpose: "work" }],
    ["at the edge, as its token does not cover it", "insufficient_scope", { scope: "files.*:read" }],
  ])("counts in limits that trees share where there is room, and never above one: %s", async (_where, code, asked) => {
    const shared = (id: string, limit: number, more: Partial<Limit> = {}): Limit =>
      window({ id, tools: ["vault.*", "files.*"], per: "tree", limit, seconds: 600 }, { per: [], ...more })
    const few = shared("few", 4)
    const many = shared("many", 1_000, { span: { kind: "fixed", seconds: 86_400 } })
    const kinds = shared("kinds", 2, { measure: { field: "tool", kind: "distinct" } })
    const approved = shared("approved", 1, { topic: "budget", consequence: "approve" })
    const never = { kind: "formerly", event: { tools: ["burst.go"], where: [] }, seconds: 600 } as const
    const sequence = { kind: "sequence", id: "never", of: { tools: ["vault.*"] }, consequence: "deny" } as const
    await guardedBy(few, many, kinds, approved, { ...sequence, require: never })
    const [one, two] = [await openTask("first", asked), await openTaskFor("bob", "first", asked)]
    for (const task of [one, two, one]) expect(await watched(task, "/vault/1")).toBe(code)
    const used = async (): Promise<readonly number[]> => Promise.all([few, many, kinds, approved].map(usedOf))
    expect(await used()).toEqual([3, 3, 1, 1])
    for (const task of [two, one, two]) await watched(task, "/vault/1")
    // What was lent beyond that is given back.
    await vi.waitFor(async () => expect(await used()).toEqual([4, 6, 1, 1]), { timeout: 5_000, interval: 100 })
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

const JSON_TYPE = { "Content-Type": "application/json" }
const messageOf = (text: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${text}}`
const SEARCH = messageOf('{"name":"search"}')

/** With so many strings that can be names, in a list and so of no tool. */
const naming = (count: number): string => `[${Array.from({ length: count }, () => '"x"').join(",")}]`

/** Calls that cannot be read in one way, and that an upstream may all the same take for one of the tool. */
const UNREADABLE: Readonly<Record<string, readonly [path: string, more: Partial<ClientRequest>]>> = {
  "a number that no double holds": ["/desk/mcp", { body: messageOf('{"name":"search","arguments":{"a":1e400}}') }],
  "a name that stands twice": ["/desk/mcp", { body: messageOf('{"name":"search","name":"pay"}') }],
  "a name with an escape, in another case": ["/desk/mcp", { body: messageOf('{"Name":"se\\u0061rch"}') }],
  "a batch": ["/desk/mcp", { body: `[${SEARCH}]` }],
  "a body that is not declared as JSON": ["/desk/mcp", { body: SEARCH, headers: { "Content-Type": "text/plain" } }],
  "a query of an MCP endpoint": ["/desk/mcp?x=1", { body: SEARCH }],
  "a slash behind an MCP endpoint": ["/desk/mcp/", { body: SEARCH }],
  "an MCP endpoint in another case": ["/Desk/MCP", { body: SEARCH }],
  "an MCP endpoint with a suffix": ["/desk/mcp.json", { body: SEARCH }],
  "a message that comes with a PUT": ["/desk/mcp", { method: "PUT", body: SEARCH }],
  "a header that names another tool": ["/desk/mcp", { body: SEARCH, headers: { ...JSON_TYPE, "Mcp-Name": "pay" } }],
  "a header that names it, of a body that is encoded": [
    "/desk/mcp",
    { body: "?", headers: { ...JSON_TYPE, "Content-Encoding": "gzip", "Mcp-Name": "search" } },
  ],
  "a header that asks for a method": [
    "/desk/mcp",
    { body: SEARCH, headers: { ...JSON_TYPE, "X-HTTP-Method-Override": "PUT" } },
  ],
  "more names than are read": ["/desk/mcp", { body: naming(10_001) }],
  "an argument that stands twice": ["/vault/1?a=1&a=2", { method: "GET" }],
  "a dot segment": ["/x/../vault/1", { method: "GET" }],
  "an encoded slash": ["/vault%2F1", { method: "GET" }],
  "a path in another case": ["/Vault/1", { method: "GET" }],
  "a path with a suffix": ["/vault.json/1", { method: "GET" }],
  "a path parameter": ["/vault;x=1/1", { method: "GET" }],
  "a method of another": ["/vault/1", { body: "_method=GET", headers: { "X-HTTP-Method-Override": "GET" } }],
  "a method of another, of a query": ["/vault/1?_method=GET", {}],
  "a method of another, and an argument that stands twice": ["/vault/1?a=1&a=2&_method=GET", {}],
  "a method of another, of JSON": ["/vault/1", { body: '{"_method":"GET"}' }],
  "a method of another, of a form": ["/vault/1", { body: "_method=GET", headers: { "Content-Type": "" } }],
}

describe("a call that cannot be read in one way, and was let through", () => {
  const seeing = async (): Promise<BundleBody> => {
    const body = await yard()
    const labels = ["reads:confidential"]
    const tools = body.tools.map((tool) => (tool.name === "desk.search" ? { ...tool, labels } : tool))
    const gateways = body.gateways.map((each) => (each.id === "watch" ? { ...each, body: true } : each))
    return { ...body, tools, gateways }
  }
  beforeEach(async () => {
    await publish(await seeing(), 2)
    forgetCaches()
  })

  test.each(Object.entries(UNREADABLE))("leaves the labels of what it may be: %s", async (_what, [path, more]) => {
    const task = await openTask("first")
    expect(await mail(task)).toBe("ok")
    const { status, decision } = await callWith(
      task.token,
      path,
      { method: "POST", headers: JSON_TYPE, ...more },
      "watch",
    )
    expect(status).toBe(200)
    expect((await recordOf(decision)).decision).toBe("deny")
    expect(await mail(task)).toBe("policy_denied")
    await killObjects()
    expect(await mail(task)).toBe("policy_denied")
  })

  test("may have been any of several for a condition, and fulfils none", async () => {
    const body = await seeing()
    const sequence = { kind: "sequence", of: { tools: ["files.list"] }, consequence: "deny" } as const
    const formerly = (tool: string): Condition => ({
      kind: "formerly",
      event: { tools: [tool], where: [] },
      seconds: 600,
    })
    const none = { ...sequence, id: "no-pay", require: { kind: "not", of: formerly("desk.pay") } } as const
    await publish({ ...body, guardrails: [none] }, 3)
    forgetCaches()
    const task = await openTask("first")
    const list = async (): Promise<string> => (await callWith(task.token, "/files")).code
    expect(await list()).toBe("ok")
    const batch = { method: "POST", headers: JSON_TYPE, body: `[${SEARCH},${messageOf('{"name":"pay"}')}]` }
    await callWith(task.token, "/desk/mcp", batch, "watch")
    expect(await list()).toBe("sequence_denied")
    await publish({ ...body, guardrails: [{ ...sequence, id: "after-pay", require: formerly("desk.pay") }] }, 4)
    forgetCaches()
    await callWith(task.token, "/desk/mcp", batch, "watch")
    expect(await list()).toBe("sequence_denied")
  })

  test("leaves nothing if it names no tool", async () => {
    const task = await openTask("first")
    for (const body of [messageOf('{"name":"other","name":"none"}'), "{", naming(10_000)])
      expect(
        (await callWith(task.token, "/desk/mcp", { method: "POST", headers: JSON_TYPE, body }, "watch")).status,
      ).toBe(200)
    expect(await mail(task)).toBe("ok")
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

test("a read that a switch on its tool denied leaves its label too", async () => {
  const task = await openTask("first")
  await stop({ kind: "tool", tool: "vault.read" })
  forgetCaches()
  expect(await watched(task, "/vault/1")).toBe("policy_denied")
  expect(await mail(task)).toBe("policy_denied")
  await killObjects()
  expect(await mail(task)).toBe("policy_denied")
})
