/** The test kit as a developer uses it: the example's policies as they are, and those of the yard for every gateway. */
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { narrowgateWorker, startNarrowgate, TaskDenied, type RunningNarrowgate } from "../../testing/index.ts"
import { DIALECT_NAMES } from "../../src/core/policy/definition/gateways.ts"

const users = { alice: { groups: ["support"] }, olivia: { groups: ["operations"] } }

let ng: RunningNarrowgate
beforeAll(async () => {
  ng = await startNarrowgate({ policies: "policies", users })
})
afterAll(async () => ng.stop())

// The runtime takes the name of the Worker to ask from a header of any request.
test("what is for tests alone is not reached over its port", async () => {
  const headers = { "MF-Route-Override": "narrowgate-test-driver" }
  for (const path of ["/", `/${crypto.randomUUID()}`]) {
    const body = JSON.stringify({ method: "now", args: [] })
    const answer = await fetch(ng.url + path, { method: "POST", headers, body })
    expect(answer.status).toBe(404)
    expect(await answer.text()).toBe("")
  }
})

describe("a call", () => {
  test("is allowed or denied by the directory's own rules", async () => {
    const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
    expect(await ng.call(task, "mail.send", { to: "bob@example.org", text: "hello" })).toBeAllowed()
    const denied = await ng.call(task, "mail.send", { to: "bob@elsewhere.example", text: "hello" })
    expect(denied).toBeDenied("policy_denied")
    expect(denied).toMatchObject({ status: 403, description: expect.stringContaining("one address at example.org") })
  })

  test("of an MCP server goes by its message, through a gateway with bodies and one without", async () => {
    const task = await ng.task({ user: "alice", agent: "support" })
    expect(await ng.call(task, "everything.echo", { message: "hi" })).toBeAllowed()
    expect(await ng.call(task, "desk.search", { query: "printer" })).toBeAllowed()
  })

  test("counts, and is recorded, as any other", async () => {
    const task = await ng.task({ user: "alice", agent: "support", purpose: "triage-ticket" })
    for (let call = 0; call < 3; call++) expect(await ng.call(task, "everything.echo", { message: "hi" })).toBeAllowed()
    const fourth = await ng.call(task, "everything.echo", { message: "hi" })
    expect(fourth).toBeDenied("rate_limited")
    expect(fourth.retryAfter).toBeGreaterThan(0)
    const records = await ng.records(task)
    expect(records.map(({ tool, decision, code }) => [tool, decision, code])).toEqual([
      [null, "allow", "ok"],
      ...Array.from({ length: 3 }, () => ["everything.echo", "allow", "ok"]),
      ["everything.echo", "deny", "rate_limited"],
    ])
    expect(records.at(-1)?.id).toBe(fourth.id)
  })

  test("waits for an approval, which people of the policies alone can give", async () => {
    const task = await ng.task({ user: "alice", agent: "support", purpose: "refund-order" })
    const refund = async (amount: number) => ng.call(task, "billing.refund", { order: "o-1", amount })
    expect(await refund(5_000)).toBeAllowed()
    const waiting = await refund(12_000)
    expect(waiting).toBeDenied("approval_required")
    await expect(ng.approve(waiting, { as: "bob" })).rejects.toMatchObject({ code: "approval_refused" })
    expect(await refund(12_000)).toBeDenied("approval_required")
    await ng.approve(waiting, { as: "olivia", reason: "the order was broken" })
    expect(await refund(12_000)).toBeAllowed()
    const again = await refund(12_000)
    expect(again).toBeDenied("approval_required")
    await ng.deny(again, { as: "olivia" })
    const after = await refund(12_000)
    expect(after).toBeDenied()
    await expect(
      ng.approve(await ng.call(task, "billing.read-order", { order: "o-1" }), { as: "olivia" }),
    ).rejects.toThrow("this decision waits for no approval")
  })
})

describe("a task", () => {
  test("that is denied says why, and matches as a denied call does", async () => {
    const opening = ng.task({ user: "alice", agent: "support", scope: "billing.refund:write" })
    await expect(opening).rejects.toBeInstanceOf(TaskDenied)
    await expect(ng.task({ user: "alice", agent: "support", scope: "billing.refund:write" })).rejects.toBeDenied(
      "invalid_scope",
    )
  })

  test("of an agent alone, and one that another agent delegates", async () => {
    const nightly = await ng.task({ agent: "nightly" })
    expect(await ng.call(nightly, "crm.tickets.list")).toBeAllowed()
    const parent = await ng.task({ user: "alice", agent: "support", purpose: "triage-ticket" })
    const child = await ng.task({ parent, agent: "researcher", scope: "crm.tickets.get:read" })
    expect(child.scope).toEqual(["crm.tickets.get:read"])
    expect(await ng.call(child, "crm.tickets.get", { ticket: "42" })).toBeAllowed()
    expect(await ng.call(child, "crm.tickets.list")).toBeDenied("insufficient_scope")
  })

  test("says who is unknown, and what it could be", async () => {
    await expect(ng.task({ user: "alice", agent: "suport" })).rejects.toThrow(
      "agents.yaml has no agent `suport`. Did you mean `support`?",
    )
    const task = await ng.task({ user: "alice", agent: "support" })
    await expect(ng.call(task, "crm.ticket.get")).rejects.toThrow("Did you mean `crm.tickets.get`?")
    // Of an MCP server that the catalog has.
    await expect(ng.call(task, "everything.ecoh")).rejects.toMatchObject({
      code: "unknown_name",
      message: expect.stringContaining("Did you mean `everything.echo`?"),
    })
    await expect(ng.call(task, "crm.tickets.get", { tiket: "42" })).rejects.toMatchObject({
      code: "invalid_argument",
      message: "`crm.tickets.get` has the argument `ticket` in its path",
    })
    await expect(ng.call(task, "crm.tickets.list", {}, { gateway: "edgy" })).rejects.toThrow("Did you mean `edge`?")
    expect(() => ng.gatewayKey("edgy")).toThrow("Did you mean `edge`?")
  })
})

test("a member that no option has is refused, and so no slip of the pen passes for a test", async () => {
  const wrong: Readonly<Record<string, never>> = Object({ group: ["support"] })
  const refused = (name: string) => ({ code: "invalid_argument", message: expect.stringContaining(name) })
  const start = startNarrowgate({ policies: "policies", users: { alice: wrong } })
  await expect(start).rejects.toMatchObject(refused("the user `alice` has no member `group`. Did you mean `groups`?"))
  await expect(startNarrowgate({ policies: "policies", ...wrong })).rejects.toMatchObject(refused("`startNarrowgate`"))
  await expect(narrowgateWorker({ policies: "policies", ...wrong })).rejects.toMatchObject(
    refused("`narrowgateWorker`"),
  )
  await expect(ng.session({ subject: "bob", ...wrong })).rejects.toMatchObject(refused("the user `bob`"))
  await expect(ng.task({ user: "alice", agent: "support", ...wrong })).rejects.toMatchObject(refused("a task"))
  const task = await ng.task({ user: "alice", agent: "support", purpose: "refund-order" })
  const refund = async (given: object) => ng.call(task, "billing.refund", { order: "o-1", amount: 12_000 }, given)
  await expect(refund(wrong)).rejects.toMatchObject(refused("the options of a call"))
  await expect(refund({ client: wrong })).rejects.toMatchObject(refused("`client`"))
  const answer = ng.approve(await refund({}), { as: "olivia", ...wrong })
  await expect(answer).rejects.toMatchObject(refused("an answer to an approval"))
})

test("an agent under test gets its session and identity from the kit, and speaks OAuth itself", async () => {
  const response = await fetch(`${ng.url}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: await ng.session("alice"),
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: await ng.identity("support"),
      audience: "https://api.example",
    }),
  })
  expect(response.status).toBe(200)
  const metadata: unknown = await (await fetch(`${ng.url}/.well-known/oauth-authorization-server`)).json()
  expect(metadata).toMatchObject({ issuer: ng.url })
})

test("the matchers fail in words that say what happened", async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  const denied = await ng.call(task, "mail.send", { to: "bob@elsewhere.example" })
  expect(() => expect(denied).toBeAllowed()).toThrow(
    "expected the call to be allowed, but it was denied: policy_denied: Policy does not permit this call.",
  )
  expect(() => expect(denied).toBeAllowed()).toThrow(`(decision ${denied.id})`)
  expect(() => expect(denied).toBeDenied("rate_limited")).toThrow(
    "expected the call to be denied with rate_limited, but it was denied: policy_denied",
  )
  expect(() => expect(denied).not.toBeDenied()).toThrow("expected the call not to be denied, but it was")
  const allowed = await ng.call(task, "crm.tickets.get", { ticket: "42" })
  expect(() => expect(allowed).toBeDenied()).toThrow("expected the call to be denied, but it was allowed")
  expect(() => expect(ng.call(task, "crm.tickets.list")).toBeAllowed()).toThrow("await the call")
  expect(() => expect(42).toBeDenied()).toThrow("as `ng.call` returns it")
})

test("a directory that does not check is reported as `narrowgate check` does", async () => {
  const files = { "support.cedar": "permit (principal, action, resource" }
  await expect(startNarrowgate({ policies: "policies", files })).rejects.toMatchObject({
    code: "policies_invalid",
    message: expect.stringContaining("policies/support.cedar:1"),
  })
})

test("a test can replace a file of the directory", async () => {
  const forbid = '@id("closed") forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.list");'
  await using closed = await startNarrowgate({ policies: "policies", files: { "closed.cedar": forbid }, users })
  const task = await closed.task({ user: "alice", agent: "support" })
  expect(await closed.call(task, "crm.tickets.list")).toBeDenied("policy_denied")
})

test("what an MCP client gets in a result is read as any other denial", async () => {
  const gateways = await readFile("policies/gateways.yaml", "utf8")
  const files = {
    "gateways.yaml": gateways.replaceAll("body: true", "body: true\n    denials: mcp"),
    "closed.cedar": '@id("closed") forbid (principal, action == Action::"read", resource == Tool::"everything.echo");',
  }
  await using closed = await startNarrowgate({ policies: "policies", files, users })
  const task = await closed.task({ user: "alice", agent: "support", purpose: "triage-ticket" })
  for (const gateway of ["edge", "forward"]) {
    const denied = await closed.call(task, "everything.echo", { message: "hi" }, { gateway })
    expect(denied).toMatchObject({ allowed: false, code: "policy_denied", body: expect.stringContaining('"result"') })
    expect(denied.description).toMatch(/^Policy does not permit this call\./u)
  }
})

test("a developer's own Worker stands beside it, and is bound to it", async () => {
  const shop = {
    name: "shop",
    modules: true,
    script: `export default {
      async fetch(request, { AUTHORIZER, KEY: key }) {
        const { method, url, headers } = request
        const decision = await AUTHORIZER.authorize({ key, method, url, headers: Object.fromEntries(headers) })
        return decision.allowed ? new Response("tickets") : new Response(decision.body, decision)
      },
    }`,
    compatibilityDate: "2026-10-01",
    bindings: { KEY: "ngk_edge_development" },
    serviceBindings: { AUTHORIZER: { name: "narrowgate", entrypoint: "Authorizer" } },
  }
  const gateways = (await readFile("policies/gateways.yaml", "utf8")).replace("dialect: envoy", "dialect: worker")
  const files = { "gateways.yaml": gateways.replace("request_id_header", "# ") }
  await using ng = await startNarrowgate({ policies: "policies", files, users, workers: [shop] })
  expect(ng.gatewayKey("edge")).toBe("ngk_edge_development")
  const { token } = await ng.task({ user: "alice", agent: "support" })
  const get = async (authorization: string) =>
    ng.fetchWorker("shop", "http://127.0.0.1:8080/crm/tickets", { headers: { authorization } })
  expect(await (await get(`Bearer ${token}`)).text()).toBe("tickets")
  expect((await get("Bearer none")).status).toBe(401)
  await expect(startNarrowgate({ policies: "policies", workers: [{ name: "none" }] })).rejects.toThrow(
    "none is no Worker of miniflare",
  )
})

describe("through a gateway of each dialect", () => {
  const bound =
    '  - { id: bound, dialect: worker, origins: ["https://api.test"], audience: "https://api.test/", environment: test, body: true }\n'
  const travel = 'deviations:\n  - { id: travel, tools: ["*"], changes: country, within: 1h }\n'
  let yard: RunningNarrowgate
  beforeAll(async () => {
    const [gateways, guardrails] = await Promise.all(
      ["gateways.yaml", "guardrails.yaml"].map(async (file) => readFile(`test/harness/yard/${file}`, "utf8")),
    )
    yard = await startNarrowgate({
      policies: "test/harness/yard",
      files: {
        "gateways.yaml": `${gateways}`.replace("gateways:\n", `gateways:\n${bound}`),
        "guardrails.yaml": guardrails + travel,
      },
      users: { alice: { groups: ["staff"] } },
    })
  })
  afterAll(async () => yard.stop())

  const gatewayOf = (dialect: string): string => (dialect === "worker" ? "bound" : dialect)

  test.each(DIALECT_NAMES)("%s: allowed, and denied with the same code", async (dialect) => {
    const task = await yard.task({ user: "alice", agent: "first", purpose: "work" })
    const given = { gateway: gatewayOf(dialect) }
    expect(await yard.call(task, "files.read", { file: "a" }, given)).toBeAllowed()
    const denied = await yard.call(task, "files.forbidden", {}, given)
    expect(denied).toBeDenied("policy_denied")
    expect(denied.description).toMatch(/^Policy does not permit this call\./u)
    const records = await yard.records(task)
    expect(records.slice(1).map(({ gateway, tool, decision }) => [gateway, tool, decision])).toEqual([
      [gatewayOf(dialect), "files.read", "allow"],
      [gatewayOf(dialect), "files.forbidden", "deny"],
    ])
    expect(denied.id).toBe(records.at(-1)?.id)
  })

  test("one that forwards no body does not know its arguments", async () => {
    const task = await yard.task({ user: "alice", agent: "first", purpose: "work" })
    const send = async (gateway: string) => yard.call(task, "mail.send", { to: "bob@example.org" }, { gateway })
    expect(await send("traefik")).toBeAllowed()
    expect(await send("nginx")).toBeDenied()
  })

  test("what it asserts of the client is said, and only where it asserts it", async () => {
    const task = await yard.task({ user: "alice", agent: "first", purpose: "work" })
    const from = async (country: string) =>
      yard.call(task, "files.read", { file: "a" }, { gateway: "authzen", client: { country } })
    expect(await from("DE")).toBeAllowed()
    expect(await from("FR")).toBeDenied("deviation")
    await expect(yard.call(task, "files.list", {}, { gateway: "nginx", client: { ip: "192.0.2.1" } })).rejects.toThrow(
      "asserts no IP address",
    )
  })

  test("an agent whose tokens are bound proves its key", async () => {
    const task = await yard.task({ user: "alice", agent: "bound", purpose: "work" })
    expect(await yard.call(task, "files.read", { file: "a" })).toBeAllowed()
    // The same token without the key.
    expect(await yard.call({ ...task }, "files.read", { file: "a" })).toBeDenied("invalid_token")
  })
})
