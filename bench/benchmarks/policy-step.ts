/**
 * The policy step of one decision against the official engine's, in Node: the ten rules of bench/policies, parsed and
 * prepared beforehand on both sides, asked the same. The official engine takes the entities with each call, as JSON: it
 * is given those alone that the request is about.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import {
  type CedarValueJson,
  type EntityUid,
  type Context,
  preparsePolicySet,
  statefulIsAuthorized,
} from "@cedar-policy/cedar-wasm/nodejs"
import { lower } from "../../cli/compiler/rules/lower.ts"
import { Work } from "../../src/core/encoding/work.ts"
import { fromCedarJson } from "../../src/core/policy/cedar/values/cedar-json.ts"
import { compileRules, type PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../src/core/policy/cedar/entities.ts"
import { entity, isRecord } from "../../src/core/policy/cedar/values/value.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { race, type Way } from "../in-process.ts"

export const policyStep: Benchmark = {
  name: "policy-step",
  question: "ten rules, one principal, against the official engine's prepared call on the same",
  unit: "ratio",
  target: 20,
  run: async (lab) => {
    const { rules, text } = await deskRules()
    const parsed = preparsePolicySet("bench", { staticPolicies: text })
    guard(parsed.type === "success", "the official engine takes the rules")
    const engine = compileRules(rules)
    const store = entityStore(ENTITIES)
    const ours = CALLS.map((call) => requestOf(call))
    const theirs = CALLS.map(({ principal, action, resource, context }) => {
      const about = new Set([principal.id, resource.id])
      const entities = ENTITIES.filter(({ uid }) => about.has(uid.id))
      return { principal, action, resource, context, entities, preparsedPolicySetId: "bench" }
    })
    const ask = (turn: number) => engine.authorize(ours[turn % ours.length] ?? NOTHING, store).allowed
    const askOfficial = (turn: number) => {
      const call = theirs[turn % theirs.length]
      const answer = call && statefulIsAuthorized(call)
      return answer?.type === "success" && answer.response.decision === "allow"
    }
    const expected = CALLS.map(({ allowed }) => allowed)
    const wayOf = (name: string, decide: (turn: number) => boolean): Way => ({
      name,
      step: (turn) => decide(turn) === expected[turn % expected.length],
    })
    const { ratio, sides } = race(lab, wayOf("evaluator", ask), wayOf("cedar-wasm", askOfficial))
    return { value: ratio, sides }
  },
}

async function deskRules() {
  const read = (file: string) => readFile(join(import.meta.dirname, "../policies", file), "utf8")
  const [text, schema] = await Promise.all([read("desk.cedar"), read("schema.cedarschema")])
  const { rules, problems } = lower([{ path: "desk.cedar", text }], schema)
  guard(rules.length === 10 && problems.length === 0, "there are ten rules, and nothing is wrong with them")
  return { rules, text }
}

interface Call {
  readonly principal: Named
  readonly action: Named
  readonly resource: Named
  readonly context: Context
  readonly allowed: boolean
}
type Named = Extract<EntityUid, { type: string }>

const uid = (type: string, id: string): Named => ({ type, id })
const DESK = "spiffe://bench.example/agent/desk"

interface Stored {
  readonly uid: Named
  readonly attrs: Record<string, CedarValueJson>
  readonly parents: Named[]
}

function tool(name: string, sensitivity: string, sensitivity_level: number): Stored {
  const attrs = { server: "crm", action: "read", sensitivity, sensitivity_level, labels: [] }
  return { uid: uid("Tool", name), attrs, parents: [uid("ToolGroup", "desk"), uid("Server", "crm")] }
}

const ENTITIES: readonly Stored[] = [
  { uid: uid("Agent", DESK), attrs: { owner: "bench" }, parents: [uid("AgentGroup", "desk")] },
  { uid: uid("User", "i|u"), attrs: { issuer: "i", subject: "u" }, parents: [uid("UserGroup", "support")] },
  tool("crm.tickets.get", "internal", 1),
  tool("crm.secrets.get", "restricted", 3),
]

function context(ticket: string): Context {
  return {
    task: {
      id: "tsk_1",
      purpose: "triage-ticket",
      age: 12,
      calls: 3,
      tree_calls: 5,
      depth: 0,
      labels: ["reads:internal"],
    },
    user: { __entity: uid("User", "i|u") },
    agent: { __entity: uid("Agent", DESK) },
    chain: [{ __entity: uid("Agent", DESK) }],
    arguments: { ticket },
    env: { environment: "bench", gateway: "bench" },
  }
}

const read = uid("Action", "read")
/** As often allowed as forbidden, for a user and an agent. */
const CALLS: readonly Call[] = [uid("User", "i|u"), uid("Agent", DESK)].flatMap((principal) => [
  { principal, action: read, resource: uid("Tool", "crm.tickets.get"), context: context("T-1"), allowed: true },
  { principal, action: read, resource: uid("Tool", "crm.tickets.get"), context: context("1"), allowed: false },
  { principal, action: read, resource: uid("Tool", "crm.tickets.get"), context: context("T-2"), allowed: true },
  { principal, action: read, resource: uid("Tool", "crm.secrets.get"), context: context("T-1"), allowed: false },
])

function requestOf({ principal, action, resource, context }: Call): PolicyRequest {
  const ref = ({ type, id }: Named) => entity(type, id)
  const value = fromCedarJson(context)
  guard(value !== undefined && isRecord(value), "the context is a record")
  return {
    principal: ref(principal),
    action: ref(action),
    resource: ref(resource),
    context: value,
    work: new Work(Infinity),
  }
}

const NOBODY = entity("", "")
const NOTHING = { principal: NOBODY, action: NOBODY, resource: NOBODY, context: new Map(), work: new Work(Infinity) }
