/**
 * Who manages: an operator's role must suffice, and policy must permit the action `manage`. Each of the two only
 * refuses.
 */
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { CONTRACT, ENDPOINT_NAMES, pathTo, type EndpointName } from "../../src/api/contract/contract.ts"
import type { Endpoint } from "../../src/api/contract/endpoint.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { ROLES, type Role } from "../../src/core/policy/definition/operators.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import { openTask } from "../harness/agents.ts"
import { byAddress, publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { accessToken, agentId } from "../harness/issuers.ts"
import { bearerOf, manage, type ManagementAnswer } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const without = (body: BundleBody, ...ids: readonly string[]): BundleBody => ({
  ...body,
  rules: body.rules.filter(({ id }) => !ids.includes(id)),
})

const denialIn = async ({ headers }: ManagementAnswer) => {
  const { decision, code, denial, operator, principal } = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
  return { decision, code, denial, operator, principal }
}

interface OperatorRequest {
  readonly method: string
  readonly path: string
  readonly body: object | null
  readonly role: Role
}

/** Bodies of those endpoints that need one; of others, none. */
const BODIES: Partial<Record<EndpointName, (task: string) => readonly object[]>> = {
  explain: () => [
    { decision: "dec_01J00000000000000000000000" },
    { call: { agent: agentId("third"), tool: "files.read" } },
  ],
  addRevocation: (task) => [{ task }, { agent: agentId("third") }, { everything: true }],
  reportRisk: (task) => [
    { task, level: 90 },
    { agent: agentId("third"), level: 90 },
  ],
  compareArguments: () => [{ arguments: {} }],
  answerCallApproval: () => [{ approve: true }],
  backfillSink: () => [{ from: 0 }],
  eraseUser: () => [{ user: "https://idp.test|nobody" }],
}

const valuesFor = (task: string) => {
  const ids = {
    task,
    decision: "dec_1",
    digest: "0".repeat(64),
    delivery: "desk",
    sink: "archive",
    revocation: "swi_1",
  }
  return { approval: "apr_1", agent: agentId("third"), ...ids }
}

/** What an endpoint cannot be asked without. */
const QUERIES: Partial<Record<EndpointName, Readonly<Record<string, string>>>> = {
  readRecords: { log: "records-0" },
  listCheckpoints: { log: "records-0" },
}

/** Everything that an operator can ask for, and the role that it takes: each endpoint of the contract that has one. */
const REQUESTS = (task: string): readonly OperatorRequest[] =>
  ENDPOINT_NAMES.flatMap((name) => {
    const endpoint: Endpoint = CONTRACT[name]
    const { access, method } = endpoint
    // Who is asked for an approval may answer without a role: another test is about them.
    if (!("role" in access) || access.by === "approver") return []
    const path = pathTo(name, valuesFor(task), QUERIES[name])
    const bodies = BODIES[name]?.(task) ?? (endpoint.body && !endpoint.body.isOptional ? [] : [null])
    if (bodies.length === 0) throw new Error(`BODIES has none for ${name}`)
    return bodies.map((body) => ({ method, path, body, role: access.role }))
  })

/** Each is refused so; and what their records say, which arrive together. */
async function refusals(
  requests: ReturnType<typeof REQUESTS>,
  who: string,
  expected: Pick<ManagementAnswer, "status" | "code">,
) {
  const answers: ManagementAnswer[] = []
  for (const { method, path, body } of requests) {
    const answer = await manage(method, path, who, {}, body)
    expect(answer, `${method} ${path}`).toMatchObject(expected)
    answers.push(answer)
  }
  const recorded = await Promise.all(answers.map(denialIn))
  if (expected.status === 403)
    for (const [index, { denial }] of recorded.entries())
      expect(answers[index]?.json).toMatchObject({ reason: denial?.reason, error_description: expect.any(String) })
  return recorded
}

describe("policy", () => {
  test("that permits nobody to manage lets no role do anything, and nothing is done", async () => {
    const { task, token } = await openTask("first")
    await publish(without(await yard(), "viewers-look", "operators-manage"), 2)
    forgetCaches()
    const operator = await bearerOf("operator")
    for (const told of await refusals(REQUESTS(task), operator, { status: 403, code: "policy_denied" })) {
      expect(told).toEqual({
        decision: "deny",
        code: "policy_denied",
        operator: "https://idp.test|operator",
        principal: 'Operator::"https://idp.test|operator"',
        denial: { reason: "policy_permits_nothing", principal: 'Operator::"https://idp.test|operator"' },
      })
    }
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })

  test("that permits is not enough without the role", async () => {
    const { task, token } = await openTask("first")
    const bundle = await yard()
    const rules = bundle.rules.map((rule) =>
      rule.id === "viewers-look" ? { ...rule, policy: Object.assign({}, rule.policy, { conditions: [] }) } : rule,
    )
    await publish({ ...bundle, rules }, 2)
    forgetCaches()
    for (const who of ["viewer", "approver"] as const) {
      const lacking = REQUESTS(task).filter(({ role }) => ROLES.indexOf(role) > ROLES.indexOf(who))
      expect(lacking.length).toBeGreaterThan(10)
      for (const { denial } of await refusals(lacking, await bearerOf(who), { status: 403, code: "policy_denied" })) {
        expect(denial).toEqual({ reason: "role_missing", what: "operator" })
      }
    }
    for (const { method, path } of REQUESTS(task).filter(({ role, method }) => role === "viewer" && method === "GET")) {
      expect([200, 404], path).toContain((await manage(method, path, await bearerOf("viewer"))).status)
    }
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })

  test("forbids one operator what the role gives, by what it is about", async () => {
    const { task } = await openTask("first")
    const careful = await bearerOf("careful")
    const rules = ["careful-stops-no-more-than-an-agent"]
    for (const body of [
      { everything: true },
      { task },
      { user: "https://idp.test|alice" },
      { agent: "https://a.test/b" },
    ]) {
      const answer = await manage("POST", "/v1/revocations", careful, {}, body)
      expect(answer, JSON.stringify(body)).toMatchObject({ status: 403, code: "policy_denied" })
      const principal = 'Operator::"https://idp.test|careful"'
      expect(answer.json).toMatchObject({ reason: "policy_forbids" })
      expect((await denialIn(answer)).denial).toEqual({ reason: "policy_forbids", principal, rules })
    }
    expect((await manage("GET", "/v1/revocations", await bearerOf("operator"))).json).toEqual({ revocations: [] })
    const done = await manage("POST", "/v1/revocations", careful, {}, { agent: agentId("third") })
    expect(done.status).toBe(200)
    // Another area is none of the rule's.
    expect((await manage("GET", `/v1/tasks/${task}`, careful)).status).toBe(200)
  })

  test("decides on a HEAD as on a GET, and the record keeps the method as it was sent", async () => {
    const { task } = await openTask("first")
    const viewer = await bearerOf("viewer")
    const reads = REQUESTS(task).filter(({ method }) => method === "GET")
    const asHead = async (expected: Pick<ManagementAnswer, "status" | "code"> | null) => {
      for (const { path } of reads) {
        const head = await manage("HEAD", path, viewer)
        const { status, code } = expected ?? (await manage("GET", path, viewer))
        expect({ path, status: head.status, code: head.code }).toEqual({ path, status, code })
        const { method, rules } = await recordOf(head.headers.get("X-Narrowgate-Decision") ?? "")
        expect({ path, method, rules }).toEqual({
          path,
          method: "HEAD",
          rules: expected ? ["nobody"] : ["viewers-look"],
        })
      }
    }
    await asHead(null)
    const bundle = await yard()
    const forbidden = bundle.rules.flatMap((rule) =>
      rule.id === "viewers-look"
        ? [{ ...rule, id: "nobody", policy: Object.assign({}, rule.policy, { effect: "forbid" }) }]
        : [],
    )
    await publish({ ...bundle, rules: [...bundle.rules, ...forbidden] }, 2)
    forgetCaches()
    await asHead({ status: 403, code: "policy_denied" })
  })

  test("sees each single thing that a path names, at every endpoint, and none where all are listed", async () => {
    const { task } = await openTask("first")
    const bundle = await yard()
    const when = { kind: "when", body: { has: { left: { Var: "context" }, attr: "target" } } }
    const about = bundle.rules.flatMap((rule) =>
      rule.id === "operators-manage"
        ? [
            {
              ...rule,
              id: "nothing-single",
              policy: Object.assign({}, rule.policy, { effect: "forbid", conditions: [when] }),
            },
          ]
        : [],
    )
    await publish({ ...bundle, rules: [...bundle.rules, ...about] }, 2)
    forgetCaches()
    const operator = await bearerOf("operator")
    for (const name of ENDPOINT_NAMES) {
      const endpoint: Endpoint = CONTRACT[name]
      const { access, method, path } = endpoint
      if (!("role" in access) || (!path.includes(":") && method !== "GET")) continue
      const answer = await manage(method, pathTo(name, valuesFor(task)), operator, {}, BODIES[name]?.(task)[0])
      const { rules } = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
      // An approver whom policy permits nothing as an operator may still answer as a user.
      const forbidden = access.by === "approver" ? [] : ["nothing-single"]
      expect({ name, rules }).toEqual({
        name,
        rules: path.includes(":") ? forbidden : expect.arrayContaining(["operators-manage"]),
      })
    }
  })

  test("is named in the record of what it permits", async () => {
    const { task } = await openTask("first")
    const { headers } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ decision: "allow", operator: "https://idp.test|viewer", rules: ["viewers-look"] })
  })
})

describe("an operator who is stopped as a user", () => {
  test("manages nothing any more, and nothing is done", async () => {
    const { task, token } = await openTask("first")
    const [operator, careful] = [await bearerOf("operator"), await bearerOf("careful")]
    const stop = { user: "https://idp.test|careful" }
    expect((await manage("POST", "/v1/revocations", operator, {}, stop)).status).toBe(200)
    for (const { denial } of await refusals(REQUESTS(task), careful, { status: 401, code: "invalid_token" })) {
      expect(denial).toMatchObject({ reason: "stopped", kind: "user" })
    }
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })

  // People go by their address at this provider, operators by their subject: one login is both.
  test.each(["https://idp.test|careful", "https://idp.test|carl@example.org"])(
    "manages and answers nothing, by whichever of their names they are stopped: %s",
    async (user) => {
      await publish(byAddress(await yard()), 2)
      forgetCaches()
      const careful = `Bearer ${await accessToken("careful", "cli", { claims: { email: "carl@example.org" } })}`
      for (const path of ["/v1/decisions", "/v1/approvals"])
        expect((await manage("GET", path, careful)).status).toBe(200)
      expect(
        (await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { user, confirm: true })).status,
      ).toBe(200)
      for (const path of ["/v1/decisions", "/v1/approvals"]) {
        const answer = await manage("GET", path, careful)
        expect(answer, path).toMatchObject({ status: 401, code: "invalid_token" })
        expect((await denialIn(answer)).denial).toMatchObject({ reason: "stopped", kind: "user" })
      }
    },
  )

  test("manages and answers nothing either while nobody can see who is stopped", async () => {
    const { task, token } = await openTask("first")
    const unseen = vi.spyOn(Switchboard.prototype, "read").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    forgetCaches()
    for (const { method, path, body } of [...REQUESTS(task), { method: "GET", path: "/v1/approvals", body: null }]) {
      const answer = await manage(method, path, await bearerOf("operator"), {}, body)
      expect(answer, `${method} ${path}`).toMatchObject({ status: 503, code: "unavailable" })
    }
    unseen.mockRestore()
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })

  test("manages with a login of afterwards, where only what was before is stopped", async () => {
    const operator = await bearerOf("operator")
    const before = Math.floor(Date.now() / 1000)
    const login = async (iat: number) =>
      `Bearer ${await accessToken("careful", "cli", { claims: { iat, auth_time: iat } })}`
    const [earlier, later] = await Promise.all([login(before - 1), login(before)])
    const stop = { user: "https://idp.test|careful", before }
    expect((await manage("POST", "/v1/revocations", operator, {}, stop)).status).toBe(200)
    expect((await manage("GET", "/v1/decisions", earlier)).status).toBe(401)
    expect((await manage("GET", "/v1/decisions", later)).status).toBe(200)
  })

  test("lets everything go on that was stopped, which stops no person", async () => {
    const operator = await bearerOf("operator")
    const { json } = await manage("POST", "/v1/revocations", operator, {}, { everything: true })
    const { id } = z.object({ id: z.string() }).parse(json)
    expect((await manage("GET", "/v1/approvals", operator)).status).toBe(200)
    expect((await manage("DELETE", `/v1/revocations/${id}`, operator)).status).toBe(200)
  })
})
