/** Each request leaves a record, and if it has proven who makes it, the record names them, whatever else is wrong with it. */
import { beforeEach, describe, expect, test } from "vitest"
import { PUBLICATION_HEADER } from "../../src/bundles/publication.ts"
import { unidentifiedLog } from "../../src/audit/record-logs.ts"
import { newTaskId } from "../../src/platform/task-id.ts"
import { env } from "cloudflare:workers"
import { askAccess, type AccessPath } from "../harness/access.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { keyOf } from "../harness/gateways.ts"
import { accessToken, agentId, IDP, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

beforeEach(async () => {
  const body = await yard()
  const gateways = body.gateways.map((each) => (each.id === "envoy" ? { ...each, settles: true as const } : each))
  await publish({ ...body, gateways })
})
freshIsolateForEach()

const TASK = newTaskId(env, { agent: historyKeyOf("nobody") }, 0)
const APPROVAL = `/v1/tasks/${TASK}/approvals/apr_01M8815EYFQTG02QXPPQ2N3ENA`
const DECISION = "/v1/decisions/dec_01M8815F0SB91PEW30VYE8GW8A"

/** Malformed, of somebody who is an operator. */
const MALFORMED: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ["GET", "/v1/agents?limit=0"],
  ["GET", "/v1/tasks?limit=0"],
  ["GET", "/v1/decisions?limit=0"],
  ["GET", "/v1/decisions/rates?limit=0"],
  ["POST", "/v1/revocations", { junk: true }],
  ["POST", "/v1/risks", { junk: true }],
  ["POST", "/v1/explanations", { junk: true }],
  ["POST", `/v1/tasks/${TASK}/abort`, { junk: true }],
  ["POST", `/v1/tasks/${TASK}/complete`, { junk: true }],
  ["POST", `/v1/tasks/${TASK}/quarantine`, { junk: true }],
  ["POST", `/v1/tasks/${TASK}/release`, { junk: true }],
  ["POST", `/v1/approvals/${TASK}`, { junk: true }],
  ["POST", APPROVAL, { junk: true }],
  ["POST", `${DECISION}/comparisons`, { junk: true }],
  ["POST", `/v1/tasks/${TASK}/labels/clear`, { junk: true }],
]

/** Of nothing that there is, or without a role. */
const NOTHING: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ["GET", `/v1/tasks/${TASK}`],
  ["GET", "/v1/tasks/x"],
  ["POST", "/v1/tasks/x/complete"],
  ["POST", "/v1/tasks/x/quarantine"],
  ["POST", `/v1/tasks/${TASK}/abort`],
  ["POST", `/v1/tasks/${TASK}/release`],
  ["POST", `/v1/tasks/${TASK}/labels/clear`],
  ["GET", `/v1/tasks/${TASK}/approvals`],
  ["GET", APPROVAL],
  ["POST", APPROVAL, { approve: true }],
  ["GET", "/v1/agents/none"],
  ["GET", DECISION],
  ["GET", `/v1/bundles/${"0".repeat(64)}`],
  ["DELETE", "/v1/revocations/swi_none"],
  ["POST", "/v1/deliveries/none/retry"],
  ["POST", `${DECISION}/comparisons`, { arguments: {} }],
]

describe("an operator's request", () => {
  test.each([...MALFORMED, ...NOTHING].map(([method, path, body]) => ({ method, path, body })))(
    "$method $path names them when it is refused",
    async ({ method, path, body }) => {
      const answer = await manage(method, path, await bearerOf("operator"), {}, body ?? null)
      expect([400, 404]).toContain(answer.status)
      const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
      expect(record).toMatchObject({ decision: "deny", operator: `${IDP}|operator` })
      expect(record.denial?.reason).toBe(answer.status === 400 ? "request_malformed" : "not_found")
      expect(await unidentifiedLog(env).get(record.id)).toBeNull()
    },
  )

  test("of a person who is no operator names them too", async () => {
    const bearer = `Bearer ${await accessToken("alice", "cli")}`
    for (const [method, path, body] of [MALFORMED[11], MALFORMED[12]].flatMap((each) => (each ? [each] : []))) {
      const { status, headers } = await manage(method, path, bearer, {}, body)
      expect(status).toBe(400)
      expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({ operator: `${IDP}|alice` })
    }
  })

  test("of an agent names the agent", async () => {
    const { token } = await openTask("first")
    const { status, headers } = await manage("GET", `/v1/tasks/${TASK}`, `Bearer ${token}`)
    expect(status).toBe(404)
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ operator: null, chain: [agentId("first")] })
  })
})

test("a publisher's question that no key has signed is recorded", async () => {
  const headers = { [PUBLICATION_HEADER]: "e30.e30.e30" }
  const answer = await knock(new Request(`${US}/v1/bundles`, { headers }))
  expect(answer.status).toBe(401)
  const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
  expect(record).toMatchObject({ kind: "management", decision: "deny", code: "invalid_token", path: "/v1/bundles" })
})

test.each([
  ["no statement", null],
  ["one that no key has signed", "e30.e30.e30"],
])("a publication with %s is recorded, and why it is refused", async (_what, statement) => {
  const headers = statement === null ? {} : { [PUBLICATION_HEADER]: statement }
  const answer = await knock(new Request(`${US}/v1/bundles`, { method: "POST", headers, body: "{}" }))
  expect(answer.status).toBe(401)
  const denial = { reason: "operator_rejected", because: null }
  const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
  expect(record).toMatchObject({ kind: "management", decision: "deny", code: "invalid_token", denial })
})

test.each([
  ["traefik", "dec_01M8815F0SB91PEW30VYE8GW8A", { task: TASK }, "unsettling_gateway", 403],
  ["envoy", "junk", { task: TASK }, "invalid_request", 400],
  ["envoy", "dec_01M8815F0SB91PEW30VYE8GW8A", { junk: true }, "invalid_request", 400],
  ["envoy", "dec_01M8815F0SB91PEW30VYE8GW8A", { task: TASK }, "not_found", 404],
])("a settlement by %s of %s with %j is recorded as %s", async (gateway, decision, body, code, status) => {
  const answer = await knock(
    new Request(`${US}/v1/calls/${decision}/settle`, {
      method: "POST",
      headers: { "x-narrowgate-settle-key": keyOf(gateway) },
      body: JSON.stringify(body),
    }),
  )
  expect(answer.status).toBe(status)
  const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
  expect(record).toMatchObject({ kind: "management", decision: "deny", code, gateway })
})

describe("a question by AuthZEN that cannot be decided as it is put is recorded", () => {
  const paths: readonly AccessPath[] = [
    "evaluation",
    "evaluations",
    "search/subject",
    "search/resource",
    "search/action",
  ]

  test.each(paths)("%s, of a gateway", async (path) => {
    for (const question of ["no JSON", { junk: true }]) {
      const { status, headers } = await askAccess("authzen", path, question)
      expect(status).toBeGreaterThanOrEqual(400)
      const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
      expect(record).toMatchObject({ decision: "deny", gateway: "authzen", denial: { reason: "request_malformed" } })
    }
  })

  test("one of several, with the id of its record in its context", async () => {
    const { body } = await askAccess("authzen", "evaluations", { evaluations: [{ junk: true }, "junk"] })
    const ids = body.evaluations?.map(({ context }) => String(context?.["decision_id"])) ?? []
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(await recordOf(id)).toMatchObject({ code: "malformed_evaluation", gateway: "authzen" })
  })
})
