/**
 * V8 compiles a function when it is first called, which was a third of an isolate's first call. So what is pure of a
 * call's way, and what it verifies, runs once while the Worker starts, when no request waits yet, with policies, a task
 * and a call that are made up here. Only compiled code remains of it: there is no storage, no cache takes what is
 * verified, and decision and record are dropped.
 */
import { UNKNOWN_CLIENT } from "../core/decision/client.ts"
import { locate } from "../core/catalog/locate.ts"
import { beginTree, callStep } from "../core/explanation/simulated-tree.ts"
import { recordDecision } from "../core/record/call-record.ts"
import { storedForm } from "../core/record/record.ts"
import type { Config } from "../platform/config.ts"
import { isDenied } from "../core/denials/denial.ts"
import { answer } from "./answer.ts"
import { present } from "./present.ts"
import { identifyGateway } from "./registry.ts"
import { assemble } from "../core/policy/assemble.ts"
import { EMPTY_BODY, type BundleBody } from "../core/policy/bundle.ts"
import { encode } from "../core/policy/encode.ts"
import type { LoweredRule } from "../core/policy/cedar/lowered.ts"
import { verifyRehearsed } from "./rehearsed-signatures.ts"
import type { Task } from "../core/task/task.ts"
import { rawTarget } from "../platform/raw-target.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

const POINTER = { seq: 0, digest: "rehearsal" }
const KEY = "rehearsal"
/** SHA-256 of it. */
const KEY_HASH = "2bcd3e14dca8fdb18ca3d4e958bb1c4df002598ae6e5d80fc9d9824a6b5dc450"
const CONFIG: Config = {
  issuer: "",
  publisherKeys: { keys: [] },
  signingAlgorithm: "ES256",
  recordDelayMs: 0,
  maxProbeRequests: 0,
  webhookSecrets: new Map(),
  scrapeKeys: new Set(),
  sinkSecrets: new Map(),
  signInSecrets: new Map(),
  local: false,
  sendsToLoopback: false,
}
const ORIGIN = "https://rehearsal.invalid"
const AGENT = "https://rehearsal.invalid/agent"
const TOOL = "rehearsal.notes.get"
const USER = { issuer: ORIGIN, subject: "reader", groups: ["readers"] }
const uid = (type: string, id: string) => ({ type, id })

const all = { op: "All" }
const isRead = { op: "==", entity: uid("Action", "read") }
const inGroup = (type: string, id: string) => ({ op: "in", entity: uid(type, id) })
const of = (variable: string, ...attributes: readonly string[]): unknown =>
  attributes.reduce<unknown>((left, attr) => ({ ".": { left, attr } }), { Var: variable })
const pair = (operator: string, left: unknown, right: unknown) => ({ [operator]: { left, right } })
const when = (body: unknown) => [{ kind: "when", body }]

function rule(id: string, effect: "permit" | "forbid", scope: object, conditions: readonly unknown[]): LoweredRule {
  const anything = { principal: all, action: all, resource: all }
  return { id, policy: { effect, ...anything, ...scope, conditions }, reads: ["note"] }
}

const RULES = [
  rule("agents", "permit", { principal: inGroup("AgentGroup", "all"), action: isRead }, []),
  rule(
    "readers",
    "permit",
    { principal: inGroup("UserGroup", "readers"), resource: inGroup("ToolGroup", "notes") },
    when(pair("==", of("context", "task", "purpose"), { Value: "reading" })),
  ),
  rule(
    "nothing-restricted",
    "forbid",
    { action: { op: "in", entities: [uid("Action", "read"), uid("Action", "write")] } },
    when(
      pair(
        "||",
        pair("&&", pair(">=", of("resource", "sensitivity_level"), { Value: 3 }), { Value: true }),
        pair("contains", of("context", "task", "labels"), { Value: "reads:confidential" }),
      ),
    ),
  ),
  rule(
    "no-secrets",
    "forbid",
    { action: isRead, resource: { op: "==", entity: uid("Tool", TOOL) } },
    when(
      pair(
        "&&",
        { has: { left: of("context", "arguments"), attr: "note" } },
        { like: { left: of("context", "arguments", "note"), pattern: [{ Literal: "s" }, "Wildcard"] } },
      ),
    ),
  ),
]

const BODY: BundleBody = {
  ...EMPTY_BODY,
  rules: RULES,
  entities: [
    { uid: uid("Action", "read"), attrs: {}, parents: [] },
    { uid: uid("AgentGroup", "all"), attrs: {}, parents: [] },
    { uid: uid("Agent", AGENT), attrs: { owner: "nobody" }, parents: [uid("AgentGroup", "all")] },
    { uid: uid("ToolGroup", "notes"), attrs: {}, parents: [] },
    {
      uid: uid("Tool", TOOL),
      attrs: { sensitivity_level: 1, labels: ["reads:notes"] },
      parents: [uid("ToolGroup", "notes")],
    },
  ],
  tools: [
    {
      name: TOOL,
      server: "rehearsal",
      action: "read",
      sensitivity: "internal",
      labels: ["reads:notes"],
      groups: ["notes"],
      cost: 1,
      redact: [],
    },
  ],
  routes: [{ tool: TOOL, origin: ORIGIN, methods: ["GET"], path: "/notes/{note}", integers: [] }],
  agents: [
    {
      id: AGENT,
      owner: "nobody",
      groups: ["all"],
      ceiling: { tools: ["*:read"], max_sensitivity: "internal", arguments: {} },
      purposes: ["reading"],
      delegates_to: [],
      depth: 0,
      life: 300,
      trees: { live: 1, per_minute: 1 },
      bound_key: false,
    },
  ],
  gateways: [
    {
      id: "rehearsal",
      dialect: "traefik",
      key_sha256: [KEY_HASH],
      origins: [ORIGIN],
      audience: ORIGIN,
      environment: "rehearsal",
      mode: "enforce",
      body: true,
      denials: "http",
    },
  ],
  guardrails: [
    {
      kind: "limit",
      topic: "window",
      id: "calls",
      of: { tools: ["rehearsal.*"] },
      consequence: "deny",
      per: ["task"],
      measure: { kind: "calls" },
      limit: 100,
      span: { kind: "sliding", seconds: 60 },
    },
    {
      kind: "sequence",
      id: "order",
      of: { tools: ["rehearsal.*"] },
      consequence: "deny",
      require: {
        kind: "not",
        of: { kind: "formerly", event: { tools: ["rehearsal.other"], where: [] }, seconds: 60 },
      },
    },
  ],
}

const TASK: Task = {
  id: "rehearsal",
  parent: null,
  agent: AGENT,
  historyKey: historyKeyOf(AGENT),
  purpose: "reading",
  isolated: false,
  grant: {
    tools: { [TOOL]: { action: "read", maxSensitivity: "internal", bounds: [] } },
    environments: null,
    calls: null,
  },
  audiences: [ORIGIN],
  scope: "rehearsal.*:read",
  details: null,
  plan: null,
  idle: null,
  openedAt: 0,
  expiresAt: Number.MAX_SAFE_INTEGER,
  limitedBy: "purpose_life",
  jkt: null,
  status: "active",
  endedBy: null,
  calls: 0,
  children: 0,
  bytes: 0,
  lastCall: 0,
  progress: [],
}

/** @returns whether it went the whole way; false is a defect of this file, which harms no call */
export async function warmUp(): Promise<boolean> {
  const bundle = assemble(encode(BODY), POINTER)
  const caller = identifyGateway(KEY, bundle.gateways)
  if (isDenied(caller)) return false
  const headers = { "x-forwarded-method": "GET", "x-forwarded-uri": "/notes/1", authorization: "Bearer rehearsal" }
  const request = new Request(`${ORIGIN}/authz/forward`, { headers })
  const call = await present(request, rawTarget(request), "/authz/forward", caller)
  if (isDenied(call)) return false
  const { method, target, gateway } = call
  if (!(await verifyRehearsed(CONFIG))) return false
  const located = locate(bundle.catalog, call)
  if (isDenied(located)) return false
  const { id, environment, mode } = gateway
  const ask = {
    decisionId: "rehearsal",
    task: TASK.id,
    token: "rehearsal",
    proof: null,
    tool: located.tool.name,
    arguments: located.arguments,
    gateway: id,
    environment,
    client: UNKNOWN_CLIENT,
    mode,
    retry: null,
    risks: [],
    method,
    target,
    path: located.path,
    segments: located.segments,
    size: 0,
    tokenHash: "",
    recordKey: "00",
    candidate: null,
    receivedAt: 0,
  }
  const state = beginTree(POINTER, TASK.id, USER, 0)
  state.tasks.set(TASK.id, { ...TASK })
  state.ledger.liveTokens.add(state, ask.token, { task: TASK.id, expiresAt: TASK.expiresAt, jkt: null })
  const verdict = callStep(bundle, state, ask, 0)
  storedForm(recordDecision(bundle, ask, verdict, null, { life: 1, number: 1 }, 0))
  if (verdict.denial) return false
  const decision = {
    id: ask.decisionId,
    gateway,
    denial: null,
    agent: AGENT,
    user: USER.subject,
    task: TASK.id,
    purpose: TASK.purpose,
    tool: ask.tool,
    windows: verdict.evidence.windows,
    scope: null,
    transactionToken: null,
    trace: null,
  }
  return answer(decision, ORIGIN, request).ok
}
