/**
 * Guardrails against their model where they are used: asked by a gateway, decided in the real object of the tree, which
 * is evicted and killed in between, under bundles that are published with other thresholds.
 */
import { inject, vi } from "vitest"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { forgetBundle } from "../../src/bundles/store.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { evict } from "../harness/ledgers.ts"
import { SequenceModel } from "./conditions.ts"
import { Dice } from "./dice.ts"
import { AmountModel, BucketModel, ValuesModel } from "./limits.ts"
import { CycleModel, StormModel } from "./loops.ts"
import { explainedBy, HUNDREDTH, type Model, type ModelCall } from "./model.ts"
import type { Disagreement, Result } from "./run.ts"
import { soakEach } from "./soak.ts"

freshIsolateForEach()

interface ObjectKind<Definition extends Guardrail = Guardrail> {
  readonly name: string
  readonly guardrail: (threshold: number) => Definition
  readonly thresholds: readonly number[]
  readonly model: (definition: (threshold: number) => Definition, threshold: number) => Model
  readonly paths: readonly string[]
  /** Milliseconds from one call to the next, about. */
  readonly gap: number
}

/** So that its type is checked against its model's. */
const kind = <Definition extends Guardrail>(of: ObjectKind<Definition>): ObjectKind => ({
  ...of,
  model: (_, threshold) => of.model(of.guardrail, threshold),
})

const FILES = { tools: ["files.list", "files.read"] } as const
const CALLS = { kind: "calls" } as const
const limit = { kind: "limit", id: "soak", of: FILES, consequence: "deny", measure: CALLS } as const
const READS = ["/files/a", "/files/a", "/files/b", "/files/c", "/files/d", "/files/e"] as const
const BOTH = ["/files", "/files", ...READS] as const

const KINDS: readonly ObjectKind[] = [
  kind({
    name: "object: window, sliding",
    guardrail: (most) => ({
      ...limit,
      topic: "window",
      per: ["tree"],
      limit: most,
      span: { kind: "sliding", seconds: 5 },
    }),
    thresholds: [5, 9, 3],
    model: (definition, most) => new AmountModel(definition(most)),
    paths: BOTH,
    gap: 900,
  }),
  kind({
    name: "object: window, sliding, in hundredths",
    guardrail: (most) => ({
      ...limit,
      topic: "window",
      per: ["tree"],
      limit: most,
      span: { kind: "sliding", seconds: 30 },
    }),
    thresholds: [100],
    model: (definition, most) => new AmountModel(definition(most)),
    paths: BOTH,
    gap: 250,
  }),
  kind({
    name: "object: budget, fixed",
    guardrail: (most) => ({
      ...limit,
      topic: "budget",
      per: ["task"],
      limit: most,
      span: { kind: "fixed", seconds: 4 },
    }),
    thresholds: [4, 8],
    model: (definition, most) => new AmountModel(definition(most)),
    paths: BOTH,
    gap: 700,
  }),
  kind({
    name: "object: window, bucket",
    guardrail: (most) => ({
      ...limit,
      topic: "window",
      per: ["tree"],
      limit: most,
      span: { kind: "bucket", seconds: 3, burst: 4 },
    }),
    thresholds: [6],
    model: (definition, most) => new BucketModel(definition(most), () => 4),
    paths: BOTH,
    gap: 450,
  }),
  kind({
    name: "object: budget, distinct",
    guardrail: (most) => ({
      ...limit,
      of: { tools: ["files.read"] },
      topic: "budget",
      per: ["tree"],
      measure: { kind: "distinct", field: "arguments.file" },
      limit: most,
      span: { kind: "sliding", seconds: 5 },
    }),
    thresholds: [3, 4, 2],
    model: (definition, most) => new ValuesModel(definition(most)),
    paths: READS,
    gap: 1_500,
  }),
  kind({
    name: "object: repeats",
    guardrail: (most) => ({
      ...limit,
      topic: "loop",
      per: ["task", "call"],
      limit: most,
      span: { kind: "sliding", seconds: 5 },
    }),
    thresholds: [3, 5],
    model: (definition, most) => new AmountModel(definition(most)),
    paths: READS,
    gap: 400,
  }),
  kind({
    name: "object: cycles",
    guardrail: (times) => ({
      kind: "cycle",
      id: "soak",
      of: FILES,
      consequence: "deny",
      longest: 3,
      times,
      per: "task",
    }),
    thresholds: [2],
    model: (definition, times) => new CycleModel(definition(times)),
    paths: ["/files", "/files/a", "/files/b"],
    gap: 1_000,
  }),
  kind({
    name: "object: denials",
    guardrail: (most) => ({
      kind: "storm",
      id: "soak",
      of: { tools: ["*"] },
      consequence: "deny",
      limit: most,
      seconds: 5,
      per: "task",
    }),
    thresholds: [3],
    model: (definition, most) => new StormModel(definition(most)),
    paths: ["/files", "/files", "/mail"],
    gap: 500,
  }),
  kind({
    name: "object: require formerly",
    guardrail: () => ({
      kind: "sequence",
      id: "soak",
      of: { tools: ["files.read"] },
      consequence: "deny",
      require: { kind: "formerly", event: { tools: ["files.list"], where: [] }, seconds: 3 },
    }),
    thresholds: [1],
    model: (definition, threshold) => new SequenceModel(definition, threshold),
    paths: ["/files", "/files/a", "/files/a", "/files/a"],
    gap: 1_000,
  }),
  kind({
    name: "object: forbid count at least, of others",
    guardrail: (least) => ({
      kind: "sequence",
      id: "soak",
      of: { tools: ["files.read"] },
      consequence: "deny",
      require: {
        kind: "not",
        of: { kind: "count", event: { tools: ["files.list"], where: [] }, seconds: 5, is: { atLeast: least } },
      },
    }),
    thresholds: [2, 8, 4],
    model: (definition, least) => new SequenceModel(definition, least),
    paths: ["/files", "/files/a"],
    gap: 500,
  }),
]

/** Rules deny it, and only the ledger can tell. */
const MAIL = { method: "POST", body: '{"to":"a@b.c"}', headers: { "Content-Type": "application/json" } }

/** A token lasts five minutes: then there is another task, in another tree. */
const LIFE_MS = 240_000
const EVICT_EVERY = 400

class ObjectRun {
  readonly #kind: ObjectKind
  readonly #dice: Dice
  readonly #seed: number
  readonly #disagreements = { admitted: 0, denied: 0 }
  readonly #examples: Disagreement[] = []
  readonly #seen = { admitted: 0, wakes: 0, changes: 0, early: 0, slack: 0, crashSlack: 0, steps: 0, late: 0 }
  #turn = 0
  #bundle = 1
  #now = Date.now()
  #threshold: number
  #body: Awaited<ReturnType<typeof yard>> | null = null

  constructor(of: ObjectKind, seed: number) {
    this.#kind = of
    this.#seed = seed
    this.#dice = new Dice(seed, of.name)
    this.#threshold = of.thresholds[0] ?? 1
  }

  get result(): Result {
    const [kind, seed, calls, disagreements, examples] = [
      this.#kind.name,
      this.#seed,
      this.#turn,
      this.#disagreements,
      this.#examples,
    ]
    return { kind, seed, calls, disagreements, examples, ...this.#seen }
  }

  async #publish(): Promise<void> {
    this.#body ??= await yard()
    await publish({ ...this.#body, guardrails: [this.#kind.guardrail(this.#threshold)] }, this.#bundle++)
    // As an isolate does that has just begun; any other hears of it within seconds.
    forgetBundle()
  }

  async go(calls: number): Promise<void> {
    vi.useFakeTimers({ toFake: ["Date"], now: this.#now })
    await this.#publish()
    for (const end = this.#turn + calls; this.#turn < end;) {
      const task = await openTask("first", { purpose: "work" })
      const model = this.#kind.model(this.#kind.guardrail, this.#threshold)
      const until = this.#now + LIFE_MS
      let last: ModelCall | null = null
      for (; this.#turn < end && this.#now < until; this.#turn++) {
        this.#wait(last && model.edge?.(last, this.#now))
        await this.#happen(task, model)
        last = await this.#call(task, model)
      }
    }
  }

  #wait(edge: number | null | undefined): void {
    const [dice, { gap }] = [this.#dice, this.#kind]
    if (edge && edge > this.#now && edge < this.#now + 10 * gap && dice.chance(0.3)) {
      this.#now = edge + dice.pick([-1, 0, 1])
    } else this.#now += Math.round(gap * dice.pick([0, 0.1, 0.5, 1, 1, 2, dice.chance(0.1) ? 8 : 1]))
    vi.setSystemTime(this.#now)
  }

  async #happen(task: OpenTask, model: Model): Promise<void> {
    const dice = this.#dice
    if (this.#turn % EVICT_EVERY === EVICT_EVERY / 2) {
      await evict(task.task)
      this.#seen.wakes += 1
      model.woke?.(this.#now)
    }
    if (dice.chance(1 / 30)) {
      await killObjects()
      this.#seen.wakes += 1
      model.woke?.(this.#now)
    }
    if (this.#kind.thresholds.length > 1 && dice.chance(1 / 80)) {
      this.#threshold = dice.pick(this.#kind.thresholds.filter((each) => each !== this.#threshold))
      await this.#publish()
      model.redefined?.(this.#threshold, this.#now)
      this.#seen.changes += 1
    }
  }

  async #call({ token }: OpenTask, model: Model): Promise<ModelCall> {
    const path = this.#dice.pick(this.#kind.paths)
    const [, file] = path.split("/files/")
    const isForbidden = path === "/mail"
    const tool = isForbidden ? "mail.send" : file === undefined ? "files.list" : "files.read"
    const call: ModelCall = {
      id: "",
      tool,
      by: 0,
      values: file === undefined ? {} : { file },
      country: null,
      cost: 1,
      duration: 0,
    }
    const { code } = await callWith(token, path, isForbidden ? MAIL : {})
    const now = this.#now
    if (code === "ok") {
      this.#seen.admitted += 1
      if (isForbidden || !model.admits(call, now)) this.#disagree("admitted", call, null)
      model.admitted(call, now)
      return call
    }
    const explained = isForbidden && code === "policy_denied" ? 0 : explainedBy(model, call, now)
    if (explained === undefined || !CODES.has(code)) this.#disagree("denied", call, code)
    else if (explained > 0) {
      this.#seen.early += 1
      if (explained <= HUNDREDTH) this.#seen.slack = Math.max(this.#seen.slack, explained)
      else this.#seen.crashSlack = Math.max(this.#seen.crashSlack, explained)
    }
    model.denied?.(call, now, code === "loop_detected" ? "denial_storm" : code)
    return call
  }

  #disagree(direction: "admitted" | "denied", call: ModelCall, reason: string | null): void {
    this.#disagreements[direction] += 1
    if (this.#examples.length >= 3) return
    const [turn, threshold, at] = [this.#turn, this.#threshold, this.#now]
    this.#examples.push({ turn, direction, threshold, at, call, reason, sinceWake: 0, sinceChange: 0, sinceStep: 0 })
  }
}

const CODES: ReadonlySet<string> = new Set([
  "rate_limited",
  "budget_exhausted",
  "sequence_denied",
  "loop_detected",
  "policy_denied",
])

/** Each call takes some milliseconds here. */
const PART = 500
const FEWEST = 100

soakEach(KINDS, async (of, seed) => {
  const run = new ObjectRun(of, seed)
  await run.go(Math.max(FEWEST, Math.ceil(inject("soak").calls / PART)))
  return run.result
})
