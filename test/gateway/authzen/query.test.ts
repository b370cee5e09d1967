import { env, exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { findRecords } from "../../../src/audit/record-logs.ts"
import { askAccess, type AccessPath } from "../../harness/access.ts"
import { AMOUNTS } from "../../harness/amounts.ts"
import { archive, publish, yard } from "../../harness/bundles.ts"
import { keyOf } from "../../harness/gateways.ts"
import { freshIsolate } from "../../harness/isolate.ts"
import { agentId, US } from "../../harness/issuers.ts"

beforeEach(async () => {
  await freshIsolate()
  await publish(archive())
})

const user = (id: string, properties = {}) => ({ type: "user", id, properties })
const record = (id: string, properties = {}) => ({ type: "record", id, properties })
const may = async (subject: unknown, name: string, resource: unknown, more = {}, properties = {}) =>
  (await askAccess("reading-room", "evaluation", { subject, action: { name, properties }, resource, ...more })).body

describe("what the rules say", () => {
  test("of what is stored: attributes, references, memberships", async () => {
    expect(await may(user("carol"), "read", record("record-3"))).toEqual({ decision: true })
    expect(await may(user("carol"), "delete", record("record-3"))).toEqual({ decision: true })
    expect(await may(user("alice"), "read", record("record-3"))).toEqual({ decision: false })
  })

  test("with what is asserted of somebody who is not stored", async () => {
    expect(await may(user("dora", { role: "admin" }), "write", record("record-2"))).toEqual({ decision: true })
    expect(await may(user("dora"), "write", record("record-2"))).toEqual({ decision: false })
    expect(await may(user("alice"), "write", record("new", { status: "active" }))).toEqual({ decision: true })
  })

  test("with an asserted attribute that is not stored", async () => {
    expect(await may(user("alice", { role: "admin" }), "write", record("record-2"))).toEqual({ decision: true })
  })

  test("a stored attribute wins over an asserted one", async () => {
    expect(await may(user("carol", { role: "admin" }), "write", record("record-2"))).toEqual({ decision: false })
    expect(await may(user("alice"), "write", record("record-2", { status: "active" }))).toEqual({ decision: false })
    expect(await may(user("bob", { role: "clerk" }), "write", record("record-2"))).toEqual({ decision: true })
  })

  test("no assertion makes a member, and none poses as an entity", async () => {
    const clerk = { parents: ["clerks"], team: { __entity: { type: "Archive::Team", id: "clerks" } } }
    expect(await may(user("dora", clerk), "read", record("record-3"))).toEqual({ decision: false })
    const keeper = { keeper: { __entity: { type: "Archive::Person", id: "dora" } } }
    expect(await may(user("dora"), "delete", record("new", keeper))).toEqual({ decision: false })
  })

  test("by the context, in which `action` is what the action is said to be", async () => {
    expect(await may(user("carol"), "read", record("record-3"), { context: { hour: 21 } })).toEqual({ decision: false })
    const context = { action: { soft: true } }
    expect(await may(user("alice"), "delete", record("record-1"), { context })).toEqual({ decision: false })
    expect(await may(user("alice"), "delete", record("record-1"), {}, { soft: true })).toEqual({ decision: true })
  })

  test("of an action, a type or a person that nobody declared: no", async () => {
    expect(await may(user("alice"), "toString", record("record-1"))).toEqual({ decision: false })
    expect(await may({ type: "Archive::Person", id: "alice" }, "read", record("record-1"))).toEqual({ decision: true })
    expect(await may({ type: "spaceship", id: "alice" }, "read", record("record-1"))).toEqual({ decision: false })
    for (const type of ["", "no type", "__proto__", "constructor", "Archive::", 'Archive::Person::"alice"']) {
      expect((await may({ type, id: "alice" }, "read", record("record-1"))).decision).toBe(false)
    }
  })

  test("of an action that nobody declared: no, though rules permit whatever is done", async () => {
    const body = archive()
    const rules = body.rules.map((rule) => ({
      ...rule,
      policy: Object.assign({}, rule.policy, { action: { op: "All" } }),
    }))
    await publish({ ...body, rules }, 2)
    expect(await may(user("alice"), "read", record("record-1"))).toEqual({ decision: true })
    for (const name of ["toString", "reads", ""]) {
      expect(await may(user("alice"), name, record("record-1"))).toEqual({ decision: false })
    }
  })

  test("what is no Cedar value is not left out: a rule may forbid by it", async () => {
    for (const value of [null, 1.5, { a: [null] }]) {
      const { decision, context } = await may(user("carol"), "read", record("record-3"), { context: { hour: value } })
      expect([decision, context?.code]).toEqual([false, "malformed_evaluation"])
    }
  })

  describe("an amount that the schema declares as decimal is judged by its exact digits", () => {
    const JUDGED = { within: true, above: false, unreadable: "malformed_evaluation" } as const
    const parts: readonly (readonly [string, (amount: string) => string])[] = [
      ["in the context", (amount) => question({ context: `{"fee":${amount}}` })],
      ["in an action's properties", (amount) => question({ action: `{"fine":${amount}}` })],
      ["in a resource's", (amount) => question({ resource: `{"price":${amount}}` })],
      ["in a subject's", (amount) => question({ subject: `{"purse":${amount}}` })],
    ]
    const question = ({ subject = "{}", action = "{}", resource = "{}", context = "{}" }, name = "read"): string =>
      `{"subject":{"type":"user","id":"carol","properties":${subject}},"action":{"name":"${name}","properties":${action}},
        "resource":{"type":"record","id":"record-3","properties":${resource}},"context":${context}}`
    const judged = async (text: string): Promise<unknown> => {
      const { status, body } = await askAccess("reading-room", "evaluation", text)
      return status === 400 ? "malformed_evaluation" : (body.context?.code ?? body.decision)
    }

    test.each(parts)("%s", async (_part, asked) => {
      const answers = AMOUNTS.map(async ([amount]) => [amount, await judged(asked(amount))])
      expect(await Promise.all(answers)).toEqual(AMOUNTS.map(([amount, how]) => [amount, JUDGED[how]]))
    })

    test.each([
      ["[49.99,1]", true],
      ["[1,50]", false],
      ["[50,50.00001]", "malformed_evaluation"],
      ["50", false],
    ])("within a list: %s", async (fees, expected) => {
      expect(await judged(question({ context: `{"fees":${fees}}` }))).toBe(expected)
    })

    test.each([
      ["49", true],
      ["49.5", "malformed_evaluation"],
    ])("each action by its own context: a fee of %s", async (fee, expected) => {
      expect(await judged(question({ context: `{"fee":${fee}}` }, "delete"))).toBe(expected)
    })

    test("questions that share a context too", async () => {
      const resource = '"resource":{"type":"record","id":"record-3"}'
      const of = (name: string) => `{"action":{"name":"${name}"},${resource}}`
      const { body } = await askAccess(
        "reading-room",
        "evaluations",
        `{"subject":{"type":"user","id":"carol"},"context":{"fees":[50],"action":{}},"evaluations":[${["delete", "read", "delete"].map(of).join(",")}]}`,
      )
      expect(body.evaluations?.map(({ decision }) => decision)).toEqual([true, false, true])
    })
  })

  test("of users as their token would make them, of agents and tools as they are registered", async () => {
    await publish(await yard(), 2)
    const ask = async (subject: unknown, tool: string) =>
      (
        await askAccess("adviser", "evaluation", {
          subject,
          action: { name: "delegate" },
          resource: { type: "tool", id: tool },
          context: { purpose: "work", agent: "", approvals: ["user"] },
        })
      ).body.decision
    const alice = (groups: unknown) => ({ type: "user", id: "https://idp.test|alice", properties: { groups } })
    expect(await ask(alice(["staff"]), "files.read")).toBe(true)
    expect(await ask(alice(["others"]), "files.read")).toBe(false)
    expect(await ask(alice("staff"), "files.read")).toBe(false)
    // Each costs a look-up in every evaluation, so there are no more than a session may have.
    const groups = (many: number): readonly string[] => [
      "staff",
      ...Array.from({ length: many - 1 }, (_, at) => `g${at}`),
    ]
    expect(await ask(alice(groups(256)), "files.read")).toBe(true)
    expect(await ask(alice(groups(257)), "files.read")).toBe(false)
    expect(await ask({ type: "agent", id: agentId("first") }, "files.read")).toBe(true)
    expect(await ask({ type: "agent", id: agentId("nobody"), properties: { groups: ["workers"] } }, "files.read")).toBe(
      false,
    )
  })
})

describe("several questions", () => {
  const ask = async (semantic: string | undefined, ids: readonly unknown[]) =>
    askAccess("reading-room", "evaluations", {
      subject: user("alice"),
      action: { name: "write" },
      evaluations: ids.map((id) => (typeof id === "string" ? { resource: record(id) } : id)),
      ...(semantic !== undefined && { options: { evaluations_semantic: semantic, other: 1 } }),
    })
  const decisionsOf = async (...asked: Parameters<typeof ask>) =>
    (await ask(...asked)).body.evaluations?.map(({ decision }) => decision)
  const MIXED = ["record-1", "record-2", "record-4"]

  test("are all answered, in their order", async () => {
    for (const semantic of [undefined, "execute_all"]) {
      expect(await decisionsOf(semantic, MIXED)).toEqual([true, false, true])
    }
  })

  test("end with the first denial, or with the first permit, where that is enough", async () => {
    expect(await decisionsOf("deny_on_first_deny", MIXED)).toEqual([true, false])
    expect(await decisionsOf("permit_on_first_permit", ["record-2", ...MIXED])).toEqual([false, true])
    expect(await decisionsOf("deny_on_first_deny", [{ resource: 1 }, "record-1"])).toEqual([false])
    expect((await ask("guess", MIXED)).status).toBe(400)
  })

  test("one that is malformed is no fault of the others", async () => {
    const wrong = [{}, { resource: { type: "record" } }, 7, null, [], { resource: record("record-1"), action: "write" }]
    const { status, body } = await ask(undefined, ["record-1", ...wrong])
    expect(status).toBe(200)
    expect(body.evaluations?.map(({ decision }) => decision)).toEqual([true, ...wrong.map(() => false)])
    for (const { context } of body.evaluations?.slice(1) ?? []) expect(context?.code).toBe("malformed_evaluation")
  })

  test("a default that each evaluation overrides may be anything; one that is used and malformed is of that evaluation", async () => {
    const own = { subject: user("alice"), action: { name: "write" }, resource: record("record-1"), context: {} }
    for (const unused of [{}, null, 1, "x", [], { type: 1 }]) {
      const defaults = { subject: unused, action: unused, resource: unused, context: unused }
      const { resource: _resource, ...rest } = own
      const asked = { ...defaults, evaluations: [own, rest, own] }
      const { status, body } = await askAccess("reading-room", "evaluations", asked)
      expect([status, body.evaluations?.map(({ decision }) => decision)]).toEqual([200, [true, false, true]])
      expect(body.evaluations?.[1]?.context?.code).toBe("malformed_evaluation")
    }
  })

  test("a list is none, whatever stands beside it", async () => {
    const asked = { subject: user("alice"), action: { name: "write" }, resource: record("record-1") }
    const { body } = await askAccess("reading-room", "evaluations", { ...asked, evaluations: [{}, []] })
    expect(body.evaluations?.map(({ decision }) => decision)).toEqual([true, false])
  })

  test("a hundred at most, and none is one", async () => {
    expect(
      (
        await ask(
          undefined,
          Array.from({ length: 100 }, () => "record-1"),
        )
      ).body.evaluations,
    ).toHaveLength(100)
    expect(
      (
        await ask(
          undefined,
          Array.from({ length: 101 }, () => "record-1"),
        )
      ).status,
    ).toBe(400)
    expect((await ask(undefined, [])).status).toBe(400)
    const one = { subject: user("alice"), action: { name: "write" }, resource: record("record-1"), evaluations: [] }
    expect((await askAccess("reading-room", "evaluations", one)).body).toEqual({ decision: true })
    expect((await askAccess("reading-room", "evaluations", { ...one, evaluations: {} })).status).toBe(400)
  })
})

const ALL: readonly AccessPath[] = ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"]
const FINE = { subject: user("alice"), action: { name: "read" }, resource: record("record-1") }

describe.each(ALL)("whatever is sent to %s", (path) => {
  test("is answered for nobody but who is known", async () => {
    for (const authorization of [
      "",
      "Bearer",
      "Bearer nobody",
      `Basic ${keyOf("reading-room")}`,
      "Bearer a, Bearer b",
    ]) {
      const { status, headers } = await askAccess("", path, FINE, { Authorization: authorization })
      expect(status).toBe(401)
      expect(headers.get("WWW-Authenticate")).toMatch(/^Bearer /)
    }
    // The key that opens `/authz/` opens nothing here, whosesoever it is.
    const more = { "X-Narrowgate-Key": keyOf("reading-room") }
    expect((await askAccess("reading-room", path, FINE, more)).status).toBe(403)
  })

  test("is JSON that reads in one way, or is refused", async () => {
    const text = JSON.stringify(FINE)
    const hostile: Readonly<Record<string, string>> = {
      "no JSON": "{",
      nothing: "",
      "a list": "[]",
      null: "null",
      "a key twice": text.replace('"action"', '"subject":{},"action"'),
      "a key of prototypes": text.replace('"action"', '"__proto__":{},"action"'),
      "too deep": text.replace('"action"', `"x":${"[".repeat(100)}${"]".repeat(100)},"action"`),
      "a number that is not exact": text.replace('"action"', '"x":9007199254740993,"action"'),
      "half a character": text.replace('"alice"', String.raw`"\ud800"`),
    }
    for (const [what, sent] of Object.entries(hostile)) {
      expect([what, (await askAccess("reading-room", path, sent)).status]).toEqual([what, 400])
    }
    for (const type of ["text/plain", "application/json; charset=latin1", "application/json, text/plain"]) {
      expect((await askAccess("reading-room", path, FINE, { "Content-Type": type })).status).toBe(400)
    }
    expect((await askAccess("reading-room", path, FINE, { "Content-Encoding": "gzip" })).status).toBe(415)
    const long = (bytes: number): string => {
      const short = JSON.stringify({ ...FINE, context: { x: "" } })
      return short.replace('""', `"${"x".repeat(bytes - short.length)}"`)
    }
    expect((await askAccess("reading-room", path, long(262_144))).status).toBe(200)
    expect((await askAccess("reading-room", path, long(262_145))).status).toBe(413)
  })

  test("names that objects have of themselves are names like any other", async () => {
    const names = { constructor: "a", toString: 1, hasOwnProperty: true, valueOf: {} }
    const question = { ...FINE, subject: user("alice", names), context: names, ...names }
    const { status, body, headers } = await askAccess("reading-room", path, question, { "X-Request-ID": "r 1" })
    expect(status).toBe(200)
    expect(body.decision ?? body.results?.length).not.toBe(0)
    expect(body.decision ?? true).toBe(true)
    expect(headers.get("Cache-Control")).toBe("no-store")
    expect(headers.get("X-Request-ID")).toBe("r 1")
  })

  test("wrong types are refused, with the request's own id", async () => {
    const membersOf = (length: number) => Object.fromEntries(Array.from({ length }, (_, index) => [`p${index}`, 1]))
    const most = { ...FINE, subject: user("alice", membersOf(256)), context: membersOf(256) }
    expect((await askAccess("reading-room", path, most)).status).toBe(200)
    const many = membersOf(257)
    for (const wrong of [
      { subject: user("alice", many) },
      { context: many },
      { subject: [] },
      { resource: 1 },
      { context: "" },
      { subject: { ...user("a"), properties: [] } },
    ]) {
      const { status, body, headers } = await askAccess(
        "reading-room",
        path,
        { ...FINE, ...wrong },
        { "X-Request-ID": "r" },
      )
      expect([status, body.error]).toEqual([400, "invalid_request"])
      expect(headers.get("X-Request-ID")).toBe("r")
    }
  })
})

test("a query client is no gateway: its key opens nothing else", async () => {
  await publish(await yard(), 2)
  for (const [path, header] of [
    ["/authz/forward", "X-Narrowgate-Key"],
    ["/v1/tools/filter", "X-Narrowgate-Filter-Key"],
    ["/v1/calls/dec_0/settle", "X-Narrowgate-Settle-Key"],
  ] as const) {
    const request = new Request(US + path, { method: "POST", headers: { [header]: keyOf("adviser") } })
    expect((await exports.default.fetch(request)).status).toBe(403)
  }
  const keyed = new Request(`${US}/authz/forward/${keyOf("adviser")}`)
  expect((await exports.default.fetch(keyed)).status).toBe(403)
})

test("a query leaves nothing behind: no record, no count", async () => {
  await askAccess("reading-room", "evaluation", FINE)
  await askAccess("reading-room", "search/subject", FINE)
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  // Those whom nobody knows are recorded; some of another test may be on their way still.
  const records = await findRecords(env, { limit: 100 })
  expect(records.filter(({ code }) => code !== "unknown_gateway")).toEqual([])
})

test("the metadata say where what is asked", async () => {
  const response = await exports.default.fetch(new Request(`${US}/.well-known/authzen-configuration`))
  expect(await response.json()).toEqual({
    policy_decision_point: US,
    access_evaluation_endpoint: `${US}/access/v1/evaluation`,
    access_evaluations_endpoint: `${US}/access/v1/evaluations`,
    search_subject_endpoint: `${US}/access/v1/search/subject`,
    search_resource_endpoint: `${US}/access/v1/search/resource`,
    search_action_endpoint: `${US}/access/v1/search/action`,
  })
})
