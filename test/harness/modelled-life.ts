/** A tree's life, step by step, beside the model of its guardrails: whatever the tree answers is held against it. */
import { inject } from "vitest"
import type { SimulatedState } from "../../src/core/explanation/simulated-tree.ts"
import type { Call } from "../../src/core/decision/call.ts"
import type { Denial } from "../../src/core/denials/denial.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { guardrailsOf } from "../../src/core/guardrails/guardrails.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import type { Opening } from "../../src/core/task/opening-step.ts"
import type { ModelCall } from "./call-model.ts"
import { FAMILY, heldOf, KeptTree, openingsOf, tick, type DrivenTree } from "./driven-trees.ts"
import { GuardrailModel, isOf, type Objection } from "./guardrail-model.ts"
import { idOfAgent, TOOLS, type Asked, type Step } from "./guardrail-worlds.ts"
import { ALICE, assembled, callOf, START } from "./trees.ts"

let known: Bundle | undefined

/** The yard, in which everybody may do everything, and for long, but what the guardrails hold against it. */
export function openYard(guardrails: readonly Guardrail[]): Bundle {
  known ??= assembled(wideYard())
  return { ...known, guardrails: guardrailsOf(guardrails, []) }
}

function wideYard(): ReturnType<typeof inject<"yard">> {
  const body = inject("yard")
  const told = new Map<string, object>(Object.entries(TOOLS))
  const tools = body.tools.map((tool) => ({ ...tool, ...told.get(tool.name) }))
  const [work] = body.purposes
  if (!work) throw new Error("the yard has no purposes")
  const purposes = ["work", "errand"].map((name) => ({ ...work, name, life: 864_000, user: "optional" as const }))
  const all = { tools: ["*:read", "*:write", "*:execute"], max_sensitivity: "confidential" as const, arguments: {} }
  const agents = body.agents.map((agent) => ({ ...agent, ceiling: all, purposes: ["work", "errand"], life: 864_000 }))
  const limits = { life: 864_000, per_minute: 1_000, per_day: 1_000, most: 1_000 }
  const member = { owner: "yard", groups: ["workers"], ceiling: all, purposes: ["work", "errand"] }
  return { ...body, tools, purposes, agents, registration: { class: "mcp", ...member, ...limits } }
}

const familyOf = [true, false].map((hasUser) => {
  let known: readonly Opening[] | undefined
  return (bundle: Bundle): readonly Opening[] => (known ??= openingsOf(bundle, hasUser ? ALICE : null))
})

export type Promised =
  /** The verdict is the model's. */
  | "exact"
  /** The same of calls that come slowly, but that what is remembered lazily may deny once it has woken. */
  | "exact but for loops"
  /** Nothing is admitted that the model denies. */
  | "never more"

/** What the catalog and policy say of it, whatever the guardrails do; the first goes before them. */
const DENIED: ReadonlyMap<string, readonly [Denial["reason"], goesFirst: boolean]> = new Map([
  ["no.tool", ["tool_unknown", true]],
  ["files.purge", ["tool_not_granted", true]],
  ["files.forbidden", ["policy_permits_nothing", false]],
] as const)

/** Each call of those that are so far apart is written. */
const SLOWLY_MS = 400

interface Frozen {
  status: "active" | "completed" | "revoked" | "quarantined"
}

export class ModelledLife {
  readonly #bundle: Bundle
  readonly guardrails: readonly Guardrail[]
  promised: Promised
  readonly #user: UserFacts | null
  readonly #held: readonly SimulatedState[]
  readonly #statuses: readonly Frozen[] = FAMILY.map(() => ({ status: "active" }))
  readonly tree: DrivenTree
  readonly model: GuardrailModel
  clock = START
  hasWoken = false
  /** Calls by their verdict, for a test to see that there is something to see. */
  readonly seen = { admitted: 0, denied: 0, ended: 0, followed: 0 }
  #made = 0

  constructor(bundle: Bundle, tree: DrivenTree, user: UserFacts | null, promised: Promised) {
    this.#bundle = bundle
    this.guardrails = bundle.guardrails.definitions
    this.promised = promised
    this.#user = user
    this.tree = tree
    this.model = new GuardrailModel(this.guardrails)
    const openings = familyOf[user ? 0 : 1]?.(bundle) ?? []
    for (const opening of openings) tree.open(opening)
    this.#held = openings.map(heldOf)
  }

  go(steps: readonly Step[]): void {
    for (const step of steps) this.step(step)
  }

  step(step: Step): void {
    const { tree } = this
    switch (step.does) {
      case "call":
        for (let time = 0; time < step.times; time++) {
          if (this.promised === "exact but for loops") this.clock += SLOWLY_MS
          this.call(step)
        }
        return
      case "wait":
        this.clock += step.ms
        return
      case "edge": {
        const past = this.model.admitted.at(-1 - step.past)
        const edge = (past?.at ?? 0) + step.ms + step.off
        if (edge > this.clock) this.clock = edge
        return
      }
      case "land": {
        const past = this.model.admitted.at(-1 - step.past)?.call
        if (!past) return
        tree.land(past.id, step.gateway)
        if (past.gateway === step.gateway) this.model.land(past.id)
        return
      }
      case "back":
        // By as much as machines differ: the ledger's clock stands still. Others are steps (clock-steps.test.ts).
        this.clock = Math.max(this.clock - step.ms, tree.state.ledger.clock - 999)
        return
      case "end":
        tree.end({ task: this.#heldBy(step.of).task, status: step.how, by: "operator" })
        return this.#end(step.of, step.how, { byPerson: true })
      case "release": {
        tree.release(this.#heldBy(step.of).task)
        const frozen = this.#statuses[step.of]
        if (frozen?.status === "quarantined") frozen.status = "active"
        return
      }
      default:
        return this.#wake(step)
    }
  }

  #wake(step: Extract<Step, { readonly does: "crash" | "fail" }>): void {
    const { tree } = this
    if (!(tree instanceof KeptTree)) throw new Error("a tree in memory has no storage")
    if (step.does === "fail") tree.fail(this.#called(step), this.clock)
    else tree.crash(this.clock)
    this.hasWoken = true
  }

  /** @returns whether it was admitted */
  call(asked: Asked): boolean {
    const { tree, model, seen } = this
    const now = tick(tree.state, this.clock)
    const call = this.#called(asked)
    const modelled = this.#modelled(asked, call)
    const ended = this.#isEnded(asked.by)
    const [reason, goesFirst = false] = DENIED.get(asked.tool) ?? []
    const objections = ended || goesFirst ? [] : model.objections(modelled, now)
    const denial = tree.call(call, this.clock)
    if (ended || denial?.reason === "task_ended") {
      seen.ended += 1
      if (!ended || denial?.reason !== "task_ended") this.#fail(asked, denial, [], now)
      return false
    }
    const isExpected = denial
      ? denial.reason === reason || objections.some((each) => isOf(denial, each)) || this.#mayErr(denial)
      : reason === undefined && objections.length === 0
    if (!isExpected) this.#fail(asked, denial, objections, now)
    if (denial === null) {
      seen.admitted += 1
      model.admit(modelled, now)
      return true
    }
    seen.denied += 1
    this.#follow(asked.by, model.deny(modelled, now, denial), denial)
    return false
  }

  #mayErr(denial: Denial): boolean {
    if (this.promised === "never more") return true
    const isLoop = denial.reason === "call_repeated" || denial.reason === "calls_circle"
    return isLoop && this.promised === "exact but for loops" && this.hasWoken
  }

  #follow(by: number, storms: readonly Guardrail[], denial: Denial): void {
    const consequence = "consequence" in denial ? denial.consequence : "deny"
    const follows = [consequence, ...storms.map((each) => each.consequence)].find((each) => each !== "deny")
    if (!follows) return
    this.seen.followed += 1
    this.#end(by, follows === "quarantine" ? "quarantined" : "revoked", { byPerson: false })
  }

  /** Itself alone where it is frozen, otherwise all below it that had not ended; of frozen ones, where a person ends it. */
  #end(of: number, how: Frozen["status"], { byPerson }: { readonly byPerson: boolean }): void {
    for (const [index, each] of this.#statuses.entries()) {
      const isReached = index === of || (how !== "quarantined" && this.#lineOf(index).includes(of))
      const canChange =
        how === "quarantined" || !byPerson ? each.status === "active" : !["completed", "revoked"].includes(each.status)
      if (isReached && canChange) each.status = how
    }
  }

  #isEnded(by: number): boolean {
    return this.#lineOf(by).some((each) => this.#statuses[each]?.status !== "active")
  }

  /** It and all above it. */
  #lineOf(of: number): readonly number[] {
    const parent = FAMILY[of]?.[1] ?? null
    return parent === null ? [of] : [of, ...this.#lineOf(parent)]
  }

  #heldBy(by: number): SimulatedState {
    const held = this.#held[by]
    if (!held) throw new Error(`no task ${by}`)
    return held
  }

  #called({ tool, by, values, complete, gateway, environment, country, network, risk }: Asked): Call {
    const signal = { level: risk, at: this.clock, halfLife: 604_800 }
    const risks = risk > 0 ? [{ kind: "agent" as const, name: idOfAgent("first"), signal }] : []
    const more = { decisionId: `dec_${++this.#made}`, arguments: { complete, values }, gateway, environment, risks }
    return callOf(this.#heldBy(by), tool, values, { ...more, client: { country, network } })
  }

  #modelled({ by, country, network, risk }: Asked, call: Call): ModelCall {
    const [agent, , purpose] = FAMILY[by] ?? FAMILY[0]
    return {
      id: call.decisionId,
      task: call.task,
      agent: idOfAgent(agent),
      chain: [...new Set(this.#lineOf(by).map((each) => idOfAgent((FAMILY[each] ?? FAMILY[0])[0])))],
      user: this.#user && `${this.#user.issuer}|${this.#user.subject}`,
      purpose,
      tool: this.#bundle.catalog.tools.get(call.tool) ?? null,
      arguments: call.arguments,
      gateway: call.gateway,
      environment: call.environment,
      country,
      network,
      risk,
    }
  }

  #fail(asked: Asked, denial: Denial | null, objections: readonly Objection[], now: number): never {
    const past = this.model.admitted.map(({ at, call: { task, tool, arguments: args } }) => [
      at - START,
      task,
      tool?.name,
      args,
    ])
    const told = { at: now - START, asked, denial, objections, past, guardrails: this.guardrails }
    throw new Error(`the model says otherwise: ${JSON.stringify(told)}`)
  }
}
