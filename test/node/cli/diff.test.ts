/** `narrowgate diff`: recorded decisions and tests, decided again by policies that may be published. */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { recordDecision } from "../../../src/core/record/call-record.ts"
import type { Call } from "../../../src/core/decision/call.ts"
import { decide } from "../../../src/core/decision/decide.ts"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import { UNKNOWN_CLIENT } from "../../../src/core/decision/client.ts"
import { fill } from "../../harness/guardrails.ts"
import { readStored, storedForm, type DecisionRecord } from "../../../src/core/record/record.ts"
import { rejudge } from "../../../src/core/explanation/rejudge.ts"
import { decisionRecord } from "../../../cli/remote/decision-record.ts"
import { reviewRecords } from "../../../cli/diff/records.ts"
import { questionOfRecord } from "../../../src/core/explanation/recorded-question.ts"
import { compilePolicies } from "../../../cli/compiler/compile.ts"
import {
  approveStep,
  beginTree,
  openRequest,
  openStep,
  type Consented,
} from "../../../src/core/explanation/simulated-tree.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import { expectFailures, run } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")
const NOW = 1_800_000_000_000
const ISSUER = "http://127.0.0.1:8788"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-diff-"))
  await cp(join(ROOT, "policies"), join(directory, "policies"), { recursive: true })
  await cp(join(ROOT, "policies"), join(directory, "before"), { recursive: true })
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function edit(file: string, find: string, replace: string): Promise<void> {
  const path = join(directory, "policies", file)
  const text = await readFile(path, "utf8")
  if (!text.includes(find)) throw new Error(`${file} has no ${find}`)
  await writeFile(path, text.replace(find, replace))
}

/** The rule on the order of calls looks at another label than the one that confidential reads leave. */
async function laxer(): Promise<void> {
  const read = (label: string): string => `context.task.labels.contains("${label}")`
  await edit("limits.cedar", read("reads:confidential"), read("sink:external"))
}

/** A rule that reads an argument of a tool of which none was read. */
async function readTicket(): Promise<void> {
  await edit("schema.cedarschema", "  to?: String,", "  to?: String,\n  ticket?: String,")
  const rule = `@id("no-42")
forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get")
when { context.arguments has ticket && context.arguments.ticket == "42" };`
  await edit("limits.cedar", "@id(", `${rule}\n\n@id(`)
}

async function bundleIn(name: string): Promise<Bundle> {
  const { bundle, problems } = await compilePolicies(join(directory, name))
  if (!bundle) throw new Error(JSON.stringify(problems))
  return bundle
}

interface Making {
  readonly tool: string
  readonly arguments?: Readonly<Record<string, unknown>>
  /** The gateway has not sent the body. */
  readonly unseen?: boolean
  readonly groups?: readonly string[]
  readonly purpose?: string
  readonly labels?: readonly string[]
  /** Admissions that stand in each window of the tool. */
  readonly used?: number
  /** Told of its agent, a while ago. */
  readonly risk?: number
  /** By what people have approved of it. */
  readonly approvals?: readonly Consented[]
}

/** A record as the ledger makes one. */
function recorded(bundle: Bundle, making: Making): DecisionRecord {
  const {
    tool,
    arguments: values = {},
    unseen = false,
    groups = ["support"],
    purpose = "answer-customer",
    labels = [],
    used = 0,
    risk = 0,
    approvals = [],
  } = making
  const agent = "spiffe://example.org/agent/support"
  const user = { issuer: ISSUER, subject: "alice", groups }
  const state = beginTree(bundle.pointer, `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`, user, NOW)
  const opened = openStep(bundle, state, openRequest(agent, state, "token", { purpose }), NOW)
  if (isOAuthFailure(opened)) throw new Error(JSON.stringify(opened))
  for (const label of labels) state.labels.add(label)
  const call: Call = {
    decisionId: `dec_${tool}`,
    task: opened.task.id,
    token: "token",
    proof: null,
    tool,
    arguments: { complete: !unseen, values },
    method: "GET",
    target: "/",
    gateway: "edge",
    environment: "development",
    client: UNKNOWN_CLIENT,
    mode: "enforce",
    retry: null,
    risks: [{ kind: "agent", name: agent, signal: { level: risk, at: NOW - 1_000, halfLife: 3600 } }],
  }
  const called = bundle.catalog.tools.get(tool)
  if (called)
    fill(
      state.ledger.memories.of(state.root),
      bundle.guardrails.definitions,
      { tool: called, task: call.task },
      used,
      NOW,
    )
  approveStep(bundle, state, call, approvals, NOW)
  const { verdict } = decide(bundle, state, call, NOW)
  const ask = {
    ...call,
    method: "POST",
    path: "/mcp",
    segments: [],
    size: 0,
    tokenHash: "0".repeat(16),
    recordKey: null,
    receivedAt: NOW,
  }
  return recordDecision(bundle, ask, verdict, null, { life: 1, number: 1 }, NOW)
}

const shown = (record: DecisionRecord) => decisionRecord.parse(JSON.parse(JSON.stringify(record)))
const judgedBy = (record: DecisionRecord, bundle: Bundle) => rejudge(shown(record), bundle).judged

const CALLS: readonly Making[] = [
  { tool: "crm.tickets.get" },
  { tool: "crm.customers.get" },
  { tool: "mail.send", arguments: { to: "ann@example.org", text: "hello" } },
  { tool: "mail.send", arguments: { to: "eve@evil.example" } },
  { tool: "mail.send", arguments: { to: "ann@example.org" }, labels: ["reads:confidential"] },
  { tool: "everything.echo", purpose: "triage-ticket" },
  { tool: "everything.echo", purpose: "triage-ticket", used: 3 },
]

describe("a recorded call is decided again", () => {
  test.each(CALLS)("as it was, by the policies that decided it: $tool $arguments", async (making) => {
    const bundle = await bundleIn("before")
    const record = recorded(bundle, making)
    expect(judgedBy(record, bundle)).toEqual({ kind: record.denial?.reason === "tool_not_granted" ? "apart" : "same" })
  })

  test("otherwise, where a rule is dropped that denied it", async () => {
    const record = recorded(await bundleIn("before"), {
      tool: "mail.send",
      arguments: { to: "ann@example.org" },
      labels: ["reads:confidential"],
    })
    expect(record.code).toBe("policy_denied")
    await laxer()
    const judged = judgedBy(record, await bundleIn("policies"))
    expect(judged).toMatchObject({ kind: "flips", to: { code: "ok", reason: null } })
  })

  test("with the approvals that it had, and without any", async () => {
    const plain = recorded(await bundleIn("before"), { tool: "crm.tickets.get" })
    const rule = `@id("asks") @remedy("approval:finance")
forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get")
unless { context.approvals.contains("finance") };`
    await edit("limits.cedar", "@id(", `${rule}\n\n@id(`)
    await edit(
      "approvers.yaml",
      "approvals:\n",
      `approvals:\n  - { name: finance, approvers: [{ issuer: local, group: finance }] }\n`,
    )
    const window = "windows: [{ id: one, tools: [crm.tickets.get], per: task, limit: 1, within: 1m, then: approve }]\n"
    await writeFile(join(directory, "policies/guardrails.yaml"), window)
    const asking = await bundleIn("policies")
    expect(judgedBy(plain, asking)).toMatchObject({
      kind: "flips",
      to: { code: "approval_required", reason: "approval_required", rules: ["asks"] },
    })
    const denied = recorded(asking, { tool: "crm.tickets.get" })
    expect(denied).toMatchObject({ code: "approval_required", rules: ["asks"], approvals: [] })
    expect(judgedBy(denied, asking)).toEqual({ kind: "same" })
    expect(questionOfRecord(shown(denied), asking)?.question).not.toBeNull()
    const both = [
      { name: "finance", guardrail: null },
      { name: null, guardrail: "one" },
    ]
    const allowed = recorded(asking, { tool: "crm.tickets.get", used: 1, approvals: both })
    expect(allowed).toMatchObject({ code: "ok", facts: { approvals: ["finance"] }, approvals: both })
    expect(judgedBy(allowed, asking)).toEqual({ kind: "same" })
    expect(judgedBy({ ...allowed, approvals: allowed.approvals.slice(0, 1) }, asking)).toMatchObject({ kind: "flips" })
    expect(judgedBy(allowed, await bundleIn("before"))).toEqual({ kind: "same" })
  })

  test("otherwise, where a rule comes that denies it; which one is told", async () => {
    const record = recorded(await bundleIn("before"), { tool: "crm.tickets.get" })
    await edit(
      "limits.cedar",
      "@id(",
      '@id("no-tickets")\nforbid (principal, action, resource == Tool::"crm.tickets.get");\n\n@id(',
    )
    expect(judgedBy(record, await bundleIn("policies"))).toMatchObject({
      kind: "flips",
      to: { code: "policy_denied", reason: "policy_forbids", rules: ["no-tickets"] },
    })
  })

  test("at the risk that its record tells, and not at all where a new rule reads one that it does not", async () => {
    const rule = (least: number) => `@id("at-risk")
forbid (principal, action, resource == Tool::"crm.tickets.get") when { context has risk && context.risk >= ${least} };\n\n`
    const silent = recorded(await bundleIn("before"), { tool: "crm.tickets.get", risk: 60 })
    expect(silent.facts).toEqual({})
    await edit("limits.cedar", "@id(", `${rule(50)}@id(`)
    const with50 = await bundleIn("policies")
    expect(judgedBy(silent, with50)).toEqual({ kind: "untold", what: ["context.risk"] })
    const [calm, risky] = [0, 60].map((risk) => recorded(with50, { tool: "crm.tickets.get", risk }))
    expect(calm).toMatchObject({ code: "ok", facts: { risk: 0 } })
    expect(risky).toMatchObject({ code: "policy_denied", rules: ["at-risk"], facts: { risk: 60 } })
    await edit("limits.cedar", "context.risk >= 50", "context.risk >= 61")
    const with61 = await bundleIn("policies")
    for (const record of [calm, risky]) if (record) expect(judgedBy(record, with50)).toEqual({ kind: "same" })
    if (!calm || !risky) throw new Error("not recorded")
    expect(judgedBy(calm, with61)).toEqual({ kind: "same" })
    expect(judgedBy(risky, with61)).toMatchObject({ kind: "flips", to: { code: "ok" } })
    const asked = questionOfRecord(shown(risky), with61)
    expect(asked?.question?.context.get("risk")).toBe(60n)
    // No ledger has ever written that.
    expect(judgedBy({ ...risky, facts: { risk: 101 } }, with50)).toEqual({ kind: "apart" })
  })

  test("by how full windows were, of which the record tells", async () => {
    const before = await bundleIn("before")
    const record = recorded(before, { tool: "everything.echo", purpose: "triage-ticket", used: 2 })
    expect(record.code).toBe("ok")
    await edit("guardrails.yaml", "limit: 3", "limit: 2")
    expect(judgedBy(record, await bundleIn("policies"))).toMatchObject({ kind: "flips", to: { code: "rate_limited" } })
    const full = recorded(before, { tool: "everything.echo", purpose: "triage-ticket", used: 3 })
    await edit("guardrails.yaml", "limit: 2", "limit: 4")
    expect(judgedBy(full, await bundleIn("policies"))).toMatchObject({ kind: "flips", to: { code: "ok" } })
  })

  const budgets =
    "budgets:\n  - { id: hidden, tools: [mail.send], per: tree, within: 1h, limit: 0.0005, sum: arguments.text }\n"
  const narrowed =
    "windows:\n  - { id: hidden, tools: [mail.send], per: tree, within: 1h, limit: 5, arguments: { text: { min: 1 } } }\n"
  test.each([
    {
      what: "what is added up",
      written: `${budgets}windows:\n`,
      limit: "0.0005",
      text: 0.0002,
      reason: "budget_spent",
    },
    { what: "which calls are counted", written: narrowed, limit: "5", text: 3, reason: "window_full" },
  ])("by a limit whose figures are hidden: it reads $what", async ({ written, limit, text, reason }) => {
    await edit("guardrails.yaml", "windows:\n", written)
    const before = await bundleIn("policies")
    const call = { tool: "mail.send", arguments: { to: "ann@example.org", text } }
    const [denied, allowed] = [recorded(before, { ...call, used: 5 }), recorded(before, call)]
    expect([allowed.code, denied.denial?.reason]).toEqual(["ok", reason])
    for (const record of [denied, allowed]) {
      expect(JSON.stringify([record.windows, record.guardrails])).not.toMatch(/"hidden"[^}]*"used"/)
      expect(rejudge(shown(record), before, before).judged).toEqual({ kind: "same" })
    }
    // What it counted is not known, nor therefore what it would have done if it had been another.
    const unknown = { kind: "untold", what: ["guardrail hidden"] }
    expect(judgedBy(denied, before)).toEqual(unknown)
    await edit("guardrails.yaml", `limit: ${limit}`, "limit: 50")
    const wider = await bundleIn("policies")
    expect(rejudge(shown(denied), wider, before).judged).toEqual(unknown)
    expect(rejudge(shown(allowed), wider, before)).toEqual({
      judged: { kind: "same" },
      guardrailsNotRecorded: expect.arrayContaining(["hidden"]),
    })
    // Without it nothing denies the call.
    expect(rejudge(shown(denied), await bundleIn("before"), before).judged).toMatchObject({
      kind: "flips",
      to: { code: "ok" },
    })
  })

  test("not at all, where it depends on what the record does not tell: that is told", async () => {
    const record = recorded(await bundleIn("before"), {
      tool: "crm.tickets.reply",
      arguments: { ticket: "1", text: "secret" },
    })
    expect(record.code).toBe("ok")
    await edit("schema.cedarschema", "  to?: String,", "  to?: String,\n  text?: String,")
    await edit(
      "limits.cedar",
      "@id(",
      '@id("no-secrets")\nforbid (principal, action == Action::"write", resource == Tool::"crm.tickets.reply")\nwhen { context.arguments has text && context.arguments.text like "*secret*" };\n\n@id(',
    )
    const candidate = await bundleIn("policies")
    expect(judgedBy(record, candidate)).toEqual({ kind: "untold", what: ["context.arguments.text"] })
  })

  test("not taken to be without arguments, where these may only not have been seen", async () => {
    const before = await bundleIn("before")
    const record = shown(recorded(before, { tool: "crm.tickets.get", unseen: true }))
    const denied = shown(recorded(before, { tool: "mail.send", unseen: true }))
    expect([record.code, denied.denial?.reason]).toEqual(["ok", "arguments_unknown"])
    expect(questionOfRecord(denied, before)).toBe(null)
    await readTicket()
    const candidate = await bundleIn("policies")
    expect(rejudge(record, candidate, before).judged).toEqual({ kind: "untold", what: ["context.arguments.ticket"] })
    // Not seen is not seen: no rule decides otherwise about that.
    expect(rejudge(denied, before, before).judged).toEqual({ kind: "same" })
    // Where the rules were asked of arguments, they were seen.
    const none = shown(recorded(candidate, { tool: "crm.tickets.get" }))
    expect(rejudge(none, candidate, candidate).judged).toEqual({ kind: "same" })
    // A record says how many arguments it leaves out: of one that leaves out none, any policies can tell.
    expect(rejudge(none, candidate).judged).toEqual({ kind: "same" })
    expect(rejudge({ ...none, arguments_omitted: 1 }, candidate).judged.kind).toBe("untold")
    expect(questionOfRecord(none, candidate)?.notRecorded).toEqual([])
  })

  test.each<readonly [what: string, making: Making, untold: readonly string[]]>([
    [
      "a long text",
      { tool: "mail.send", arguments: { to: `${"a".repeat(400)}@example.org` } },
      ["context.arguments.to"],
    ],
    [
      "a long list, told as its JSON",
      { tool: "crm.tickets.get", arguments: { ticket: Array.from({ length: 100 }, (_, index) => `t${index}`) } },
      ["context.arguments.ticket"],
    ],
    [
      "more groups than are shown",
      { tool: "crm.tickets.get", groups: [...Array.from({ length: 39 }, (_, index) => `g${index}`), "support"] },
      ["groups of the user"],
    ],
    [
      "more labels than there is room for",
      {
        tool: "mail.send",
        arguments: { to: "ann@example.org" },
        labels: [...Array.from({ length: 100 }, (_, index) => `l${index}:${"x".repeat(250)}`), "reads:confidential"],
      },
      ["context.task.labels"],
    ],
  ])("not by what is not told whole: %s", async (_what, making, what) => {
    await readTicket()
    const bundle = await bundleIn("policies")
    const stored = readStored(storedForm(recorded(bundle, making)))
    expect(rejudge(shown(stored), bundle, bundle).judged).toEqual({ kind: "untold", what })
    expect(stored.cut.length).toBeGreaterThan(0)
  })

  test("whatever the arguments were that are not told, where that decides", async () => {
    const record = recorded(await bundleIn("before"), {
      tool: "crm.tickets.reply",
      arguments: { ticket: "1", text: "secret" },
    })
    await edit("schema.cedarschema", "  to?: String,", "  to?: String,\n  text?: String,")
    await edit(
      "limits.cedar",
      "@id(",
      '@id("no-replies")\nforbid (principal, action == Action::"write", resource == Tool::"crm.tickets.reply")\nwhen { context.arguments has text || !(context.arguments has text) || context.task.purpose == "answer-customer" };\n\n@id(',
    )
    expect(judgedBy(record, await bundleIn("policies"))).toMatchObject({ kind: "flips", to: { rules: ["no-replies"] } })
  })

  test("nor explained by it, where that would be another answer than was given", async () => {
    const bundle = await bundleIn("before")
    const making = { tool: "mail.send", arguments: { to: `${"a".repeat(400)}@example.org` } }
    const record = shown(recorded(bundle, making))
    expect(record.code).toBe("ok")
    expect(questionOfRecord(record, bundle)).toEqual({ question: null, notRecorded: ["context.arguments.to"] })
  })

  test("by a full window, whatever the arguments were", async () => {
    const making = { tool: "everything.echo", purpose: "triage-ticket", arguments: { message: "hi" }, used: 2 }
    const record = recorded(await bundleIn("before"), making)
    await edit("schema.cedarschema", "  to?: String,", "  to?: String,\n  message?: String,")
    const rule = `@id("no-echo")
forbid (principal, action == Action::"read", resource == Tool::"everything.echo")
when { context.task.purpose == "triage-ticket" || (context.arguments has message && context.arguments.message == "z") };`
    await edit("limits.cedar", "@id(", `${rule}\n\n@id(`)
    expect(judgedBy(record, await bundleIn("policies"))).toMatchObject({ kind: "flips", to: { rules: ["no-echo"] } })
    await edit("guardrails.yaml", "limit: 3", "limit: 1")
    expect(judgedBy(record, await bundleIn("policies"))).toMatchObject({ kind: "flips", to: { code: "rate_limited" } })
  })

  test("no other way because of what is none of the rules' business", async () => {
    const bundle = await bundleIn("before")
    const record = recorded(bundle, { tool: "crm.tickets.get" })
    for (const reason of ["tool_not_granted", "token_expired", "proof_replayed", "calls_exhausted", "task_ended"]) {
      const denied = { ...shown(record), decision: "deny", code: "x", denial: { reason } } as const
      expect(rejudge(denied, bundle).judged).toEqual({ kind: "apart" })
    }
    expect(rejudge({ ...shown(record), kind: "exchange" }, bundle).judged).toEqual({ kind: "apart" })
  })

  test("for every user and agent of the chain", async () => {
    const bundle = await bundleIn("before")
    const record = { ...shown(recorded(bundle, { tool: "crm.tickets.get" })) }
    expect(rejudge({ ...record, groups: [] }, bundle).judged).toMatchObject({
      kind: "flips",
      to: { code: "policy_denied", principal: `User::"${ISSUER}|alice"` },
    })
    const below = {
      ...record,
      chain: ["spiffe://example.org/agent/nightly", ...record.chain],
      task: `${record.task}.1`,
    }
    expect(rejudge(below, bundle).judged).toMatchObject({
      kind: "flips",
      to: { principal: 'Agent::"spiffe://example.org/agent/nightly"' },
    })
  })

  test("apart, where no ledger can have written the record", async () => {
    const bundle = await bundleIn("before")
    const record = shown(recorded(bundle, { tool: "crm.tickets.get" }))
    const [agent = ""] = record.chain
    const impossible = [
      { ...record, calls: { used: 1.5, limit: null } },
      { ...record, at: 1e300 },
      { ...record, facts: { "task.age": 1e308 } },
      { ...record, chain: Array.from({ length: 20_000 }, () => agent), task: `${record.task}.1` },
      { ...record, chain: [agent, agent, agent] },
      // Half a character has no canonical form, and so no hash.
      { ...record, arguments: { ticket: "\ud800" }, arguments_hash: "0" },
    ]
    for (const one of impossible) expect(await reviewRecords([one], bundle)).toMatchObject({ records: 1, apart: 1 })
    const named = { ...record, chain: [agent, agent, agent], task: "a.above.1" }
    expect(await reviewRecords([named], bundle)).toMatchObject({ same: 1 })
  })

  test("ten thousand as they were, none of them another way", async () => {
    const bundle = await bundleIn("before")
    const records = CALLS.map((making) => shown(recorded(bundle, making)))
    const many = Array.from({ length: 10_000 }, (_, index) => records[index % records.length] ?? records[0]).filter(
      (each) => each !== undefined,
    )
    const { records: count, flipped } = await reviewRecords(many, bundle)
    expect([count, flipped]).toEqual([10_000, 0])
  })
})

test("a record comes out as it did by the bundle that decided it, whatever it is of", async () => {
  const { bundle } = await compilePolicies(join(ROOT, "test/harness/yard"))
  if (!bundle) throw new Error("the yard does not check")
  const tools = Array.from(bundle.catalog.tools.values(), ({ name }) => name)
  const counts = { same: 0, apart: 0, untold: 0, flips: 0 }
  fc.assert(
    fc.property(
      fc.record({
        tool: fc.constantFrom(...tools),
        agent: fc.constantFrom("first", "second", "third", "reader"),
        groups: fc.subarray(["staff", "juniors", "auditors"]),
        login: fc.option(
          fc.record({ acr: fc.constantFrom("pwd", "mfa"), auth_time: fc.integer({ min: 1, max: 7200 }) }),
        ),
        labels: fc.subarray(["reads:confidential", "sink:external", "spent"]),
        values: fc.dictionary(
          fc.constantFrom("to", "a", "b", "file", "amount", "x"),
          fc.oneof(fc.integer({ min: -3, max: 300 }), fc.constantFrom("a", "b", "ann@example.org")),
        ),
        used: fc.integer({ min: 0, max: 5 }),
        age: fc.constantFrom(0, 59, 60, 600),
        calls: fc.constantFrom(0, 1, 5, 40),
        bound: fc.boolean(),
      }),
      ({ tool, agent, groups, login, labels, values, used, age, calls, bound }) => {
        const user = {
          issuer: "https://idp.test",
          subject: "alice",
          groups,
          ...(login && { acr: login.acr, auth_time: NOW / 1000 - login.auth_time }),
        }
        const then = NOW - age * 1000
        const state = beginTree(bundle.pointer, `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`, user, then)
        const jkt = bound ? "key" : null
        const id = `spiffe://example.org/agent/${agent}`
        const opened = openStep(bundle, state, openRequest(id, state, "token", { purpose: "work", jkt }), then)
        if (isOAuthFailure(opened)) return
        for (const label of labels) state.labels.add(label)
        const task = state.tasks.get(opened.task.id)
        if (task) task.calls = calls
        const called = bundle.catalog.tools.get(tool)
        const of = called && { tool: called, task: opened.task.id }
        if (of) fill(state.ledger.memories.of(state.root), bundle.guardrails.definitions, of, used, NOW)
        const { nonce } = state.ledger.proofs
        const proof = jkt && { jkt, jti: "p", iat: NOW / 1000, freshUntil: NOW + 60_000, nonce }
        const where = {
          method: "GET",
          target: "/",
          gateway: "envoy",
          environment: "test",
          client: UNKNOWN_CLIENT,
          mode: "enforce",
          retry: null,
        } as const
        const call: Call = {
          decisionId: "dec_1",
          task: opened.task.id,
          token: "token",
          proof,
          tool,
          arguments: { complete: true, values },
          risks: [],
          ...where,
        }
        const { verdict } = decide(bundle, state, call, NOW)
        const ask = {
          ...call,
          method: "POST",
          path: "/",
          segments: [],
          size: 0,
          tokenHash: "0",
          recordKey: null,
          receivedAt: NOW,
        }
        const record = shown(recordDecision(bundle, ask, verdict, null, { life: 1, number: 1 }, NOW))
        const { judged } = rejudge(record, bundle, bundle)
        counts[judged.kind] += 1
        expect(judged).not.toMatchObject({ kind: "flips" })
        // Who does not have the bundle that decided may know less, and nothing else.
        expect(rejudge(record, bundle).judged).not.toMatchObject({ kind: "flips" })
      },
    ),
    { seed: 20261125, numRuns: 3_300 },
  )
  expect(counts.same).toBeGreaterThan(300)
  expect(counts.untold).toBeLessThan(counts.same / 4)
})

describe("the command", () => {
  const narrowgate = async (...args: readonly string[]) => run(directory, args)
  const summary = z.object({
    changes: z.array(z.object({ kind: z.string(), name: z.string(), how: z.string() })).nullable(),
    tests: z.object({ asked: z.number(), flips: z.array(z.looseObject({ name: z.string() })) }).nullable(),
    records: z
      .object({ flipped: z.number(), flips: z.array(z.looseObject({ tool: z.string(), count: z.number() })) })
      .nullable(),
  })
  const writeRecords = async (): Promise<void> => {
    const bundle = await bundleIn("before")
    const lines = CALLS.map((making, index) => JSON.stringify({ ...recorded(bundle, making), id: `dec_${index}` }))
    await writeFile(join(directory, "records.jsonl"), `${lines.join("\n")}\n`)
  }

  test("finds nothing where nothing has changed", async () => {
    await writeRecords()
    const { code, stdout } = await narrowgate("diff", "--base", "before", "--records", "records.jsonl", "--exit-code")
    expect([code, stdout]).toEqual([0, expect.stringContaining("nothing is added, removed or changed")])
    expect(stdout).toMatch(/\d+ tests: none comes out otherwise/)
    expect(stdout).toMatch(/7 recorded decisions: 0 would be decided otherwise/)
  })

  test("tells what has changed, which tests and which records flip; its exit code does so for a pipeline", async () => {
    await writeRecords()
    await laxer()
    const args = ["diff", "--base", "before", "--records", "records.jsonl"]
    const { code, stdout } = await narrowgate(...args, "--exit-code")
    expect(code).toBe(1)
    expect(stdout).toMatch(/~ rule no-external-after-confidential/)
    expect(stdout).toMatch(/policy_denied → allow {2}limits\.test\.yaml: /)
    expect(stdout).toMatch(/policy_denied → ok {2}1 × mail\.send by spiffe:\/\/example\.org\/agent\/support/)
    expect((await narrowgate(...args)).code).toBe(0)
    const json = summary.parse(JSON.parse((await narrowgate(...args, "--json")).stdout))
    expect(json.changes).toEqual([{ kind: "rule", name: "no-external-after-confidential", how: "changed" }])
    expect(json.tests?.flips.length).toBeGreaterThan(0)
    expect(json.records).toMatchObject({ flipped: 1, flips: [{ tool: "mail.send", count: 1 }] })
  })

  const NAME = "once a customer was read, nothing leaves the house"
  test.each([
    ["removed", `- name: ${NAME}`, "- name: another"],
    [
      "changed",
      "after: [crm.customers.get], expect: { deny: policy_denied, rules: [no-e",
      "after: [crm.tickets.get], expect: { deny: policy_denied, rules: [no-e",
    ],
  ])("a test that was %s with its rule is asked all the same, and told", async (how, find, replace) => {
    await laxer()
    await edit("limits.test.yaml", find, replace)
    const { code, stdout } = await narrowgate("diff", "--base", "before", "--exit-code")
    expect([code, stdout]).toEqual([1, expect.stringMatching(new RegExp(`, 1 ${how}\\b|, \\d+ ${how}`, "u"))])
    expect(stdout).toMatch(
      new RegExp(`policy_denied → allow {2}limits\\.test\\.yaml: ${NAME}.* \\(as the base asks\\)`, "u"),
    )
    expect(stdout).toMatch(new RegExp(`${how === "removed" ? "-" : "~"} test limits\\.test\\.yaml: ${NAME}`, "u"))
  })

  test("does not compare tests that cannot be read", async () => {
    await edit("limits.test.yaml", "tests:", "tets:")
    for (const args of [
      ["--base", "before"],
      ["before", "--base", "policies"],
    ]) {
      const { code, stderr } = await narrowgate("diff", ...args)
      expect([code, stderr]).toEqual([1, expect.stringContaining("policies does not check")])
    }
  })

  test("fits into a pull request, whatever callers have sent", async () => {
    await laxer()
    const bundle = await bundleIn("before")
    const record = recorded(bundle, {
      tool: "mail.send",
      arguments: { to: "ann@example.org" },
      labels: ["reads:confidential"],
    })
    const hostile = { ...record, id: "dec_`|<b>x", code: "x|y`", chain: ["spiffe://example.org/agent/support"] }
    await writeFile(join(directory, "records.jsonl"), `${JSON.stringify(hostile)}\n`)
    const { stdout } = await narrowgate("diff", "--base", "before", "--records", "records.jsonl", "--markdown")
    expect(stdout).toMatch(/^### Policies: \d+ decisions would flip\n\n`policies` against `before`\n/)
    expect(stdout).toContain("| `mail.send` | `spiffe://example.org/agent/support` | `x·y·` | **ok**")
    expect(stdout).toContain("`dec_··<b>x`")
  })

  test("compares with a commit", async () => {
    const git = async (...args: readonly string[]) => promisify(execFile)("git", ["-C", directory, ...args])
    for (const args of [
      ["init", "-q"],
      ["add", "policies"],
    ])
      await git(...args)
    await git("-c", "user.email=a@example.org", "-c", "user.name=A", "commit", "-qm", "as it was")
    await laxer()
    const { stdout } = await narrowgate("diff", "--base", "HEAD")
    expect(stdout).toMatch(/^HEAD → policies\n {2}~ rule no-external-after-confidential\n/)
    await expectFailures(
      (...args) => narrowgate("diff", ...args),
      [
        [["--base", "nowhere"], 2, "git does not have that commit"],
        [[], 2, "there is nothing to compare with"],
        [["--records", "policies/catalog.yaml"], 2, "policies/catalog.yaml:1 holds no decision record"],
        [["--records", "nowhere"], 2, "nowhere"],
      ],
    )
  })

  test("of a directory that does not check tells that first", async () => {
    await edit("catalog.yaml", "tools:", "tols:")
    const { code, stderr } = await narrowgate("diff", "--base", "before")
    expect([code, stderr]).toEqual([1, expect.stringContaining("policies does not check")])
  })
})
