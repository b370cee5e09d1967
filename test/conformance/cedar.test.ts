/** Cedar's own integration tests and a sample of its generated corpus, decided by the evaluator in workerd. */
import { expect } from "vitest"
import { z } from "zod"
import { Work } from "../../src/core/encoding/work.ts"
import { fromCedarJson } from "../../src/core/policy/cedar/values/cedar-json.ts"
import { compileRules } from "../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../src/core/policy/cedar/entities.ts"
import { entity, isRecord } from "../../src/core/policy/cedar/values/value.ts"
import { conformance } from "./conformance.ts"
import type { Deviation } from "./folders.ts"

const CORPUS = "corpus-sample.ndjson"

const uid = z.object({ type: z.string(), id: z.string() })
const values = z.record(z.string(), z.unknown())
const rule = z.object({ id: z.string(), policy: z.looseObject({ effect: z.string() }), reads: z.array(z.string()) })
/** As test/node/cedar-vectors.ts has prepared it. */
const vectorSchema = z.object({
  id: z.string().optional(),
  rules: z.array(rule),
  entities: z.array(z.object({ uid, attrs: values, tags: values.default({}), parents: z.array(uid) })),
  requests: z.array(
    z.object({
      description: z.string(),
      principal: uid,
      action: uid,
      resource: uid,
      context: z.unknown(),
      decision: z.enum(["allow", "deny"]),
      reason: z.array(z.string()),
      errors: z.array(z.string()),
    }),
  ),
})
type Vector = z.infer<typeof vectorSchema>

conformance("cedar", (cases) => {
  for (const path of cases.paths) {
    if (path === CORPUS || !path.endsWith(".json")) continue
    const { requests, ...rest } = cases.json(path, vectorSchema)
    for (const request of requests) {
      cases.case(`${path}: ${request.description}`, async () => decide({ ...rest, requests: [request] }))
    }
  }
  for (const line of cases.text(CORPUS).split("\n")) {
    const vector = vectorSchema.parse(JSON.parse(line))
    cases.case(`corpus ${vector.id}, ${vector.requests.length} requests`, async () => decide(vector))
  }
})

const ERRING_FORBID = {
  what: "a forbid that errs denies and determines, Cedar skips it",
  why: "an agent that leaves out or misshapes an argument would be let through by the very rule that was written to stop it",
}

function decide({ rules, entities, requests }: Vector): readonly Deviation[] {
  const engine = compileRules(rules)
  const store = entityStore(entities)
  const ref = ({ type, id }: z.infer<typeof uid>) => entity(type, id)
  const forbids = new Set(rules.filter(({ policy }) => policy.effect === "forbid").map(({ id }) => id))
  const deviations = new Map<string, Deviation>()
  for (const { principal, action, resource, decision, reason, errors, ...request } of requests) {
    const context = fromCedarJson(request.context)
    if (context === undefined || !isRecord(context)) throw new Error("the context is no record of Cedar values")
    const answer = engine.authorize(
      { principal: ref(principal), action: ref(action), resource: ref(resource), context, work: new Work(Infinity) },
      store,
    )
    const erring = errors.filter((id) => forbids.has(id))
    const theirs = { allowed: decision === "allow", determining: reason.toSorted(), erring: errors.toSorted() }
    if (erring.length === 0) {
      expect(answer, request.description).toEqual(theirs)
      continue
    }
    const determining = [...(theirs.allowed ? [] : reason), ...erring].toSorted()
    expect(answer, request.description).toEqual({ ...theirs, allowed: false, determining })
    const evidence = `deny, where Cedar says ${decision}`
    deviations.set(evidence, { ...ERRING_FORBID, evidence })
  }
  return [...deviations.values()]
}
