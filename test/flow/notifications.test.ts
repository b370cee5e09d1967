/** What others are told of what happens, from the call to the request at their door. */
import { runInDurableObject } from "cloudflare:test"
import { env, exports } from "cloudflare:workers"
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from "jose"
import { beforeEach, describe, expect, inject, test, vi } from "vitest"
import { z } from "zod"
import type { Sequence } from "../../src/core/guardrails/sequence.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { outboundOf } from "../../src/notifications/outbound-stub.ts"
import { Outbound } from "../../src/notifications/outbound.ts"
import type { ReceiverDefinition } from "../../src/core/policy/definition/receivers.ts"
import { ACCESS_TOKEN, AUDIENCE, exchangeForm, ID_TOKEN, JWT_BEARER, openTask, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { accessToken, agentId, IDP, svid, US } from "../harness/issuers.ts"
import { evict, ledgerOf } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { CHAT, DESK, network, OTHER, sentOf, type Network, type Sent } from "../harness/receivers.ts"
import { recordOf } from "../harness/records.ts"
import { push, tell } from "../harness/streams.ts"

const AFTER_SECRETS: Sequence = {
  kind: "sequence",
  id: "out-after-secrets",
  of: { tools: ["files.write"] },
  consequence: "approve",
  require: { kind: "not", of: { kind: "formerly", event: { tools: ["vault.read"], where: [] }, seconds: 3600 } },
}
const PROBER: Storm = {
  kind: "storm",
  id: "prober",
  of: { tools: ["*"] },
  consequence: "quarantine",
  limit: 2,
  seconds: 60,
  per: "task",
}
const NO_LIST_AFTER_VAULT: Sequence = {
  ...AFTER_SECRETS,
  id: "no-list",
  of: { tools: ["files.list"] },
  consequence: "revoke",
}

let net: Network
async function tellTo(...receivers: readonly ReceiverDefinition[]): Promise<void> {
  const body = await yard()
  const guardrails = [...body.guardrails, AFTER_SECRETS, PROBER, NO_LIST_AFTER_VAULT]
  await publish({ ...body, guardrails, receivers })
}
beforeEach(() => {
  net = network()
})
freshIsolateForEach()

const payload = z.strictObject({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.looseObject({ kind: z.string(), decision: z.string() }),
  text: z.string(),
})
const read = ({ body }: Sent): z.infer<typeof payload> => payload.parse(JSON.parse(body))

const write = async (token: string, text = "hello"): Promise<GatewayAnswer> =>
  callWith(token, "/files/a", {
    method: "PUT",
    body: JSON.stringify({ text, secret: "s3cr3t" }),
    headers: { "Content-Type": "application/json" },
  })

async function askedForWrite(): Promise<{ token: string; task: string; refused: GatewayAnswer }> {
  const { token, task } = await openTask("first")
  await callWith(token, "/vault/x")
  const refused = await write(token)
  expect(refused.code).toBe("approval_required")
  return { token, task, refused }
}

const approvalIn = async ({ decision }: GatewayAnswer): Promise<string> =>
  z.object({ approval: z.string() }).parse((await recordOf(decision)).denial).approval

describe("a call that waits for approval", () => {
  test("is told to who is to know, with where to look, without arguments, tokens and what is redacted", async () => {
    await tellTo(DESK)
    const { token, task, refused } = await askedForWrite()
    const [sent] = await sentOf(net, 1)
    if (!sent) throw new Error("nothing was sent")
    const id = await approvalIn(refused)
    const { type, data, text } = read(sent)
    expect(type).toBe("approval.asked")
    expect(data).toEqual({
      kind: "call",
      id,
      task,
      tool: "files.write",
      agent: agentId("first"),
      chain: [agentId("first")],
      user: `${IDP}|alice`,
      purpose: expect.any(String),
      guardrail: AFTER_SECRETS.id,
      name: null,
      rules: [],
      need: 1,
      expires_at: expect.any(Number),
      url: `${US}/console/approvals/${task}/${id}`,
      decision: refused.decision,
    })
    expect(text).toContain(`${US}/console/approvals/${task}/${id}`)
    for (const secret of [token, "s3cr3t", "hello", ...Object.values(inject("webhookSecrets"))])
      expect(sent.body).not.toContain(secret)
    // Asked again, it is the same question: what is told next is another thing.
    await write(token)
    await manage("POST", `/v1/tasks/${task}/quarantine`, await bearerOf("operator"))
    expect((await sentOf(net, 2)).map((one) => read(one).type)).toEqual(["approval.asked", "task.quarantined"])
  })

  test("is told with its arguments where the receiver is to see them, never with those that the catalog redacts", async () => {
    await tellTo({ ...DESK, format: "standard", url: "https://desk.test/hooks", arguments: true })
    await askedForWrite()
    const [sent] = await sentOf(net, 1)
    expect(sent && read(sent).data).toMatchObject({ arguments: { file: "a", text: "hello", secret: "[redacted]" } })
    expect(sent?.body).not.toContain("s3cr3t")
  })

  test("is told to a chat in words that it cannot be made to obey", async () => {
    await tellTo({ ...CHAT, format: "slack", arguments: true })
    const { token } = await openTask("first")
    await callWith(token, "/vault/x")
    await write(token, "`<!channel> <https://evil.example|Approve>\n[x](https://evil.example)")
    const [sent] = await sentOf(net, 1)
    expect(sent?.url).toBe(inject("webhookSecrets")["chat"])
    const { text } = z.object({ text: z.string(), blocks: z.array(z.unknown()) }).parse(JSON.parse(sent?.body ?? ""))
    expect(text).not.toMatch(/[<>]/)
    expect(text.split("`").length % 2).toBe(1)
    const outside = text.split("`").filter((_, at) => at % 2 === 0)
    expect(outside.join("")).not.toContain("evil")
  })

  test("is told to those alone who are to hear of approvals of that name", async () => {
    await tellTo(
      { ...DESK, format: "standard", url: "https://desk.test/hooks", arguments: false, approvals: ["finance"] },
      CHAT,
    )
    await askedForWrite()
    await sentOf(net, 1, "chat")
    const { token } = await openTask("first", await exchangeForm("first", "bob"))
    await callWith(token, "/till/shop", {
      method: "POST",
      body: JSON.stringify({ amount: 500 }),
      headers: { "Content-Type": "application/json" },
    })
    const [sent] = await sentOf(net, 1, "desk")
    expect(sent && read(sent).data).toMatchObject({ name: "finance", tool: "till.pay", guardrail: null })
    await sentOf(net, 2, "chat")
  })

  test("is told once it was answered, and by whom", async () => {
    await tellTo({ ...DESK, events: ["approval.answered"] })
    const { task, refused } = await askedForWrite()
    const id = await approvalIn(refused)
    await manage("POST", `/v1/tasks/${task}/approvals/${id}`, await bearerOf("operator"), {}, { approve: false })
    const [sent] = await sentOf(net, 1)
    expect(sent && read(sent)).toMatchObject({
      type: "approval.answered",
      data: { kind: "call", id, task, approved: false, answered_by: [`${IDP}|operator`] },
    })
  })

  test("is told although its ledger dies right after the answer", async () => {
    await tellTo(DESK)
    const { task, refused } = await askedForWrite()
    await killObjects()
    // Nobody asks this ledger anything any more: its own alarm wakes it.
    const [sent] = await sentOf(net, 1).catch(async () => {
      await vi.waitFor(() => expect(net.sent.length).toBeGreaterThan(0), { timeout: 8_000 })
      return net.sent
    })
    expect(sent && read(sent).data).toMatchObject({ task, decision: refused.decision })
  })

  test("is told although the receiver's object is out of reach at first; the call waits for nothing of that", async () => {
    await tellTo(DESK)
    const taken = vi.spyOn(Outbound.prototype, "take").mockRejectedValue(new Error("out of reach, by a test"))
    const { task } = await askedForWrite()
    await vi.waitFor(() => expect(taken).toHaveBeenCalled())
    expect(net.sent).toEqual([])
    taken.mockRestore()
    await evict(task)
    await ledgerOf(task).approvalsOf(task)
    const [sent] = await sentOf(net, 1)
    expect(sent && read(sent).data).toMatchObject({ task })
  })
})

describe("a task that waits for a person's consent", () => {
  const asked = z.object({ auth_req_id: z.string() })

  async function ask(): Promise<{ readonly task: string; readonly secret: string }> {
    const body = new URLSearchParams({
      client_assertion: await svid("first"),
      client_assertion_type: JWT_BEARER,
      audience: AUDIENCE,
      login_hint: `${IDP}|alice`,
      scope: "files.*:read safe.burn:execute",
      binding_message: "Burn it: W4SCT",
    })
    const response = await exports.default.fetch(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
    const id = asked.parse(await response.json()).auth_req_id
    const at = id.indexOf(".")
    return { task: id.slice(0, at), secret: id.slice(at + 1) }
  }

  test("is told with the agent's message, and once it was answered, and never with what opens it", async () => {
    await tellTo(DESK)
    const { task, secret } = await ask()
    const [sent] = await sentOf(net, 1)
    if (!sent) throw new Error("nothing was sent")
    expect(read(sent)).toMatchObject({
      type: "approval.asked",
      data: {
        kind: "task",
        task,
        agent: agentId("first"),
        user: `${IDP}|alice`,
        scope: expect.stringContaining("safe.burn:execute"),
        binding_message: "Burn it: W4SCT",
        expires_at: expect.any(Number),
        url: `${US}/console/approvals/${task}`,
      },
    })
    expect(sent.body).not.toContain(secret)
    const person = `Bearer ${await accessToken("alice", "cli")}`
    await manage("POST", `/v1/approvals/${task}`, person, {}, { decision: "reject" })
    const [, answer] = await sentOf(net, 2)
    expect(answer && read(answer)).toMatchObject({
      type: "approval.answered",
      data: { kind: "task", task, approved: false, answered_by: [`${IDP}|alice`] },
    })
  })
})

describe("a task that does not go its way", () => {
  test("is told when a storm of denials freezes it, and when an operator lets it go on", async () => {
    await tellTo(DESK)
    const { token, task } = await openTask("first")
    for (let index = 0; index < 3; index++) await callWith(token, "/forbidden")
    const [sent] = await sentOf(net, 1)
    expect(sent && read(sent)).toMatchObject({
      type: "task.quarantined",
      data: { kind: "task", task, tasks: [task], by: "guardrail", operator: null, guardrail: PROBER.id },
    })
    const { decision } = sent ? read(sent).data : { decision: "" }
    expect(await recordOf(decision)).toMatchObject({ kind: "end", task })
    await manage("POST", `/v1/tasks/${task}/release`, await bearerOf("operator"))
    const [, released] = await sentOf(net, 2)
    expect(released && read(released)).toMatchObject({
      type: "task.released",
      data: { task, by: "operator", operator: `${IDP}|operator` },
    })
  })

  test("is told when a read that a guardrail does not allow ends it; its record is there, though it was a read", async () => {
    await tellTo(DESK)
    const { token, task } = await openTask("first")
    await callWith(token, "/vault/x")
    const refused = await callWith(token, "/files")
    await killObjects()
    const [sent] = await sentOf(net, 1)
    expect(sent && read(sent)).toMatchObject({
      type: "task.revoked",
      data: { task, by: "guardrail", guardrail: "no-list", code: refused.code, decision: refused.decision },
    })
    expect(await recordOf(refused.decision)).toMatchObject({ task })
  })

  test("is told when an operator ends it or its agent gives up; what is done is told to nobody", async () => {
    await tellTo(DESK)
    const [ended, given, done] = [await openTask("first"), await openTask("first"), await openTask("first")]
    await complete(done.task, `Bearer ${done.token}`)
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { task: ended.task })
    await manage("POST", `/v1/tasks/${given.task}/abort`, `Bearer ${given.token}`)
    const all = (await sentOf(net, 2)).map(read)
    expect(all.find(({ type }) => type === "task.revoked")?.data).toMatchObject({
      task: ended.task,
      by: "operator",
      operator: `${IDP}|operator`,
    })
    expect(all.find(({ type }) => type === "task.aborted")?.data).toMatchObject({ task: given.task, by: "agent" })
    // Ended before, it ends no more: what is told next is another thing, which takes the switchboard longer.
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { task: ended.task })
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { tool: "files.*" })
    expect((await sentOf(net, 3)).map((one) => read(one).type).at(-1)).toBe("switch.set")
  })
})

describe("a switch", () => {
  test("is told when it is set and when it is lifted", async () => {
    await tellTo(DESK)
    const { json } = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { tool: "files.*" })
    const { id } = z.looseObject({ id: z.string() }).parse(json)
    const [set] = await sentOf(net, 1)
    expect(set && read(set)).toMatchObject({
      type: "switch.set",
      data: { kind: "tool", id, name: "files.*", before: null, operator: `${IDP}|operator` },
    })
    await manage("DELETE", `/v1/revocations/${id}`, await bearerOf("operator"))
    const [, lifted] = await sentOf(net, 2)
    expect(lifted && read(lifted)).toMatchObject({ type: "switch.lifted", data: { kind: "tool", id } })
  })

  test("that is lifted and leaves a revocation tells of both", async () => {
    await tellTo(DESK)
    const operator = await bearerOf("operator")
    const { json } = await manage("POST", "/v1/revocations", operator, {}, { user: `${IDP}|ben`, confirm: true })
    const { id } = z.looseObject({ id: z.string() }).parse(json)
    await sentOf(net, 1)
    const lifting = await manage("DELETE", `/v1/revocations/${id}`, operator)
    const { left } = z.looseObject({ left: z.strictObject({ id: z.string(), before: z.number() }) }).parse(lifting.json)
    // In any order, as they are sent at the same time.
    const told = (await sentOf(net, 3)).map(read).toSorted((one, other) => one.type.localeCompare(other.type))
    expect(told).toMatchObject([
      { type: "switch.lifted", data: { kind: "user", id } },
      ...[{ id, before: null }, left].map((data) => ({ type: "switch.set", data: { kind: "user", ...data } })),
    ])
  })

  test("is told although the switchboard dies before it could be handed over", async () => {
    await tellTo(DESK)
    const taken = vi.spyOn(Outbound.prototype, "take").mockRejectedValue(new Error("out of reach, by a test"))
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { tool: "files.*" })
    await vi.waitFor(() => expect(taken).toHaveBeenCalled())
    await killObjects()
    taken.mockRestore()
    const [sent] = await sentOf(net, 1)
    expect(sent && read(sent)).toMatchObject({ type: "switch.set", data: { kind: "tool", name: "files.*" } })
  })

  test("that a stream of others has set is told to nobody: two that tell each other would go on for ever", async () => {
    await tellTo(DESK, OTHER)
    expect((await tell({ "session-revoked": {} })).status).toBe(202)
    // What the same board has to tell comes in its order: had it something of the stream, that would be first.
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { agent: agentId("third") })
    const [sent] = await sentOf(net, 1, "desk")
    expect(sent && read(sent)).toMatchObject({ type: "switch.set", data: { kind: "agent", name: agentId("third") } })
    const [signal] = await sentOf(net, 1, "other")
    expect(decodeJwt(signal?.body ?? "")["sub_id"]).toEqual({ format: "uri", uri: agentId("third") })
  })
})

describe("signals to others", () => {
  const keys = async (): Promise<JSONWebKeySet> =>
    (await exports.default.fetch(new Request(`${US}/.well-known/jwks.json`))).json()
  const event = z.looseObject({ events: z.record(z.string(), z.looseObject({})), txn: z.string() })

  async function verified({ body, headers }: Sent) {
    expect(headers.get("content-type")).toBe("application/secevent+jwt")
    expect(headers.get("authorization")).toBe(`Bearer ${inject("webhookSecrets")["other"]}`)
    const options = { issuer: US, audience: "https://other.test/v1/events", typ: "secevent+jwt" }
    const { payload, protectedHeader } = await jwtVerify(body, createLocalJWKSet(await keys()), options)
    expect(protectedHeader).toEqual({ alg: "ES256", kid: expect.any(String), typ: "secevent+jwt" })
    for (const claim of ["sub", "exp", "client_id", "scope", "act", "cnf"]) expect(payload).not.toHaveProperty(claim)
    return { ...payload, ...event.parse(payload) }
  }

  async function stopped(what: Readonly<Record<string, unknown>>): Promise<void> {
    const { status } = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, what)
    expect(status).toBe(200)
  }

  test("a task that was ended is a session that was revoked, and names nobody else", async () => {
    await tellTo(OTHER)
    const { task } = await openTask("first")
    await stopped({ task })
    const [sent] = await sentOf(net, 1)
    if (!sent) throw new Error("nothing was sent")
    const told = await verified(sent)
    expect(told.sub_id).toEqual({ format: "complex", session: { format: "opaque", id: task } })
    expect(told.events).toEqual({
      "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
        event_timestamp: expect.any(Number),
        initiating_entity: "admin",
      },
    })
    expect(await recordOf(told.txn)).toMatchObject({ kind: "end", task })
  })

  test.each<readonly [string, Readonly<Record<string, unknown>>, unknown]>([
    ["a user", { user: `${IDP}|alice`, confirm: true }, { format: "iss_sub", iss: IDP, sub: "alice" }],
    ["an agent", { agent: agentId("first") }, { format: "uri", uri: agentId("first") }],
  ])("%s who is stopped has no session any more", async (_, what, subject) => {
    await tellTo(OTHER)
    await stopped(what)
    const [sent] = await sentOf(net, 1)
    if (!sent) throw new Error("nothing was sent")
    const told = await verified(sent)
    expect(told.sub_id).toEqual(subject)
    expect(Object.keys(told.events)).toEqual(["https://schemas.openid.net/secevent/caep/event-type/session-revoked"])
    expect(await recordOf(told.txn)).toMatchObject({ kind: "management", operator: `${IDP}|operator` })
  })

  test("a key that was pulled is a credential that was revoked, told by another key", async () => {
    await tellTo(OTHER)
    const [first] = (await keys()).keys
    const kid = first?.kid ?? ""
    await stopped({ key: kid })
    const [sent] = await sentOf(net, 1)
    if (!sent) throw new Error("nothing was sent")
    await vi.waitFor(
      async () =>
        expect((await verified(sent)).sub_id).toEqual({
          format: "uri",
          uri: `${US}/.well-known/jwks.json#${kid}`,
        }),
      { timeout: 5_000, interval: 200 },
    )
    expect(decodeJwt(sent.body)["events"]).toMatchObject({
      "https://schemas.openid.net/secevent/caep/event-type/credential-change": { change_type: "revoke" },
    })
  })

  test("one that is tried again is the same but for its signature", async () => {
    await tellTo(OTHER)
    net.answer = () => new Response(null, { status: 500 })
    await stopped({ everything: true })
    await sentOf(net, 1)
    await vi.waitFor(() => expect(net.sent.length).toBeGreaterThan(1), { timeout: 10_000, interval: 100 })
    const [first, second] = net.sent.map(({ body }) => decodeJwt(body))
    expect(second).toEqual(first)
  })

  test("opens nothing here: as any token, at any door", async () => {
    await tellTo(OTHER)
    const { task } = await openTask("first")
    await stopped({ agent: agentId("third") })
    const [sent] = await sentOf(net, 1)
    const token = sent?.body ?? ""
    expect(decodeJwt(token).iss).toBe(US)
    expect((await callWith(token, "/files/a")).code).toBe("invalid_token")
    for (const subject_token_type of [ID_TOKEN, ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"]) {
      const { refused } = await postForm({ ...(await exchangeForm("first")), subject_token: token, subject_token_type })
      expect(refused).not.toBeNull()
    }
    for (const client_assertion_type of [JWT_BEARER, "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"]) {
      const { refused } = await postForm({
        ...(await exchangeForm("first")),
        client_assertion: token,
        client_assertion_type,
      })
      expect(refused).not.toBeNull()
    }
    for (const path of ["/v1/decisions", "/v1/approvals", `/v1/tasks/${task}`, "/v1/deliveries"])
      expect((await manage("GET", path, `Bearer ${token}`)).status).toBe(401)
    // Nor are we a transmitter to ourselves.
    expect(await push(token)).toMatchObject({ status: 400 })
  })
})

describe("/v1/deliveries", () => {
  const listed = z.object({
    receivers: z.array(
      z.looseObject({
        id: z.string(),
        waiting: z.number(),
        dead: z.number(),
        dead_letters: z.array(z.looseObject({ id: z.string(), reason: z.string() })),
      }),
    ),
  })
  const list = async () =>
    listed.parse((await manage("GET", "/v1/deliveries", await bearerOf("viewer"))).json).receivers
  const retry = async (id: string, who: "viewer" | "operator" = "operator") =>
    manage("POST", `/v1/deliveries/${encodeURIComponent(id)}/retry`, await bearerOf(who))

  test("shows viewers how each receiver is told, and nothing secret; operators have it sent once more", async () => {
    await tellTo(DESK, CHAT)
    net.answer = ({ url }) => new Response("an answer of theirs", { status: url.includes("desk") ? 410 : 200 })
    await openTask("first").then(async ({ task, token }) =>
      manage("POST", `/v1/tasks/${task}/abort`, `Bearer ${token}`),
    )
    await sentOf(net, 2)
    await vi.waitFor(async () => expect(await list()).toMatchObject([{ dead: 1 }, { waiting: 0, dead: 0 }]))
    const [desk, chat] = await list()
    expect(desk).toMatchObject({
      id: "desk",
      format: "standard",
      gone: true,
      last_failure: { reason: "gone", status: 410 },
    })
    expect(chat).toMatchObject({ id: "chat", succeeded_at: expect.any(Number), last_failure: null })
    const text = JSON.stringify(await list())
    for (const secret of [...Object.values(inject("webhookSecrets")), "an answer of theirs", "desk.test", "chat.test"])
      expect(text).not.toContain(secret)
    const letter = desk?.dead_letters[0]?.id ?? ""
    expect(letter).toMatch(/^desk\.evt_[0-9A-Z]{26}$/)
    expect(await retry(letter, "viewer")).toMatchObject({ status: 403, code: "policy_denied" })
    net.answer = () => new Response(null, { status: 204 })
    const again = await retry(letter)
    expect(again).toMatchObject({ status: 200, json: { id: letter, retried: 1 } })
    expect(await recordOf(again.headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
      kind: "management",
      operator: `${IDP}|operator`,
      arguments: { delivery: letter, retried: 1 },
    })
    await sentOf(net, 2, "desk")
    await vi.waitFor(async () => expect(await list()).toMatchObject([{ waiting: 0, dead: 0 }, {}]))
    expect(await retry(letter)).toMatchObject({ status: 404, code: "not_found" })
    expect(await retry("desk")).toMatchObject({ status: 200, json: { retried: 0 } })
    expect(await retry("nobody")).toMatchObject({ status: 404 })
  })

  test("shows the others where one receiver's object is out of reach", async () => {
    await tellTo(DESK, CHAT)
    await runInDurableObject(outboundOf(env, "desk"), (_, { storage }) => {
      storage.sql.exec("DROP TABLE dead")
    })
    const { status, json } = await manage("GET", "/v1/deliveries", await bearerOf("viewer"))
    expect(status).toBe(200)
    expect(json).toMatchObject({
      receivers: [
        { id: "desk", error: "unavailable" },
        { id: "chat", waiting: 0 },
      ],
    })
    expect(await retry("desk")).toMatchObject({ status: 503, code: "unavailable" })
  })

  test("is for operators alone", async () => {
    await tellTo(DESK)
    const { token } = await openTask("first")
    for (const who of [null, `Bearer ${token}`, `Bearer ${await accessToken("alice", "app")}`])
      expect((await manage("GET", "/v1/deliveries", who)).status).toBe(401)
    expect((await manage("POST", "/v1/deliveries/desk/retry", `Bearer ${token}`)).status).toBe(401)
  })
})
