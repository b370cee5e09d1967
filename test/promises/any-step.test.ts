/**
 * The objects may die between any two steps. A scenario of everything that an agent does is run once for each of its
 * steps, and all objects die at that one; a client that gets no answer, or a 503, tries again.
 */
import { env } from "cloudflare:workers"
import { expect, inject, test } from "vitest"
import { findRecords } from "../../src/audit/record-logs.ts"
import { exchangeForm, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { bury, dyingAt, watchSteps } from "../harness/deaths.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

const LIMIT = 2
/** An isolate pauses for some seconds before it asks again for what it did not get. */
const WITHIN_MS = 10_000
const PAUSE_MS = 20

const GUARDRAILS = [
  window({ id: "in-tree", tools: ["thrice.*"], per: "tree", limit: LIMIT, seconds: 3600 }),
  window({ id: "shared", tools: ["burst.*"], per: "tree", limit: LIMIT, seconds: 3600 }, { per: ["user"] }),
]

freshIsolateForEach()

/** What a client knows after a scenario. */
interface Outcome {
  admitted: number
  admittedOfAll: number
  /** Decisions of writes that were answered with an allow. */
  readonly written: string[]
  writesTried: number
  task: string
  afterEnd: string
}

/** Tries again while there is no answer, or one that says that nothing could be decided. */
async function persistently<Answer extends { readonly status: number }>(act: () => Promise<Answer>): Promise<Answer> {
  const until = Date.now() + WITHIN_MS
  for (;;) {
    const answer = await act().catch((error: unknown) => {
      if (Date.now() > until) throw error
      return null
    })
    await bury()
    if (answer && answer.status !== 503) return answer
    if (Date.now() > until) throw new Error(`no answer within ${WITHIN_MS} ms: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

async function live(outcome: Outcome): Promise<void> {
  const scope = "thrice.*:read burst.*:read files.*:write"
  const opened = await persistently(async () => postForm({ ...(await exchangeForm("first")), scope }))
  if (!opened.issued) throw new Error(JSON.stringify(opened.refused))
  const { access_token: token, task } = opened.issued
  outcome.task = task
  for (let index = 0; index < LIMIT + 1; index++) {
    const answer = await persistently(async () => callWith(token, "/thrice", {}, "traefik"))
    if (answer.code === "ok") outcome.admitted += 1
    const other = await persistently(async () => callWith(token, "/burst", {}, "traefik"))
    if (other.code === "ok") outcome.admittedOfAll += 1
  }
  const write = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
  for (let index = 0; index < 2; index++) {
    const answer = await persistently(async () => {
      outcome.writesTried += 1
      return callWith(token, "/files/a", write, "traefik")
    })
    expect(answer.code).toBe("ok")
    outcome.written.push(answer.decision)
  }
  const ended = await persistently(async () => manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`))
  // The first try may have ended it without an answer: its token then opens nothing any more.
  expect([200, 401]).toContain(ended.status)
  outcome.afterEnd = (await persistently(async () => callWith(token, "/files/a", write, "traefik"))).code
}

async function lived(at: number | null): Promise<{ readonly outcome: Outcome; readonly steps: readonly string[] }> {
  await freshIsolate()
  await publish({ ...(await yard()), guardrails: GUARDRAILS })
  const outcome: Outcome = { admitted: 0, admittedOfAll: 0, written: [], writesTried: 0, task: "", afterEnd: "" }
  const steps = await dyingAt(at, async () => live(outcome))
  return { outcome, steps }
}

/** In the short run each step the last time that it is taken; in the long one, every time. */
function chosenOf(steps: readonly string[]): readonly (readonly [index: number, step: string])[] {
  const all = Array.from(steps.entries())
  return inject("runs") > 1 ? all : all.filter(([index, step]) => steps.lastIndexOf(step) === index)
}

test("whatever step the objects die at, limits hold, what was allowed is recorded once, and what ended stays ended", async () => {
  const restore = watchSteps()
  try {
    const { outcome: undisturbed, steps } = await lived(null)
    expect(undisturbed).toMatchObject({ admitted: LIMIT, admittedOfAll: LIMIT, afterEnd: "invalid_token" })
    for (const [index, step] of chosenOf(steps)) {
      const { outcome } = await lived(index)
      const { admitted, admittedOfAll, written, task, afterEnd } = outcome
      expect([step, admitted <= LIMIT, admittedOfAll <= LIMIT, afterEnd]).toEqual([step, true, true, "invalid_token"])
      for (const id of written) expect(await recordOf(id), step).toMatchObject({ id, code: "ok" })
      const records = await findRecords(env, { task, limit: 1000 })
      const writes = records.filter(({ code, action }) => code === "ok" && action === "write")
      expect([step, writes.length >= written.length, writes.length <= outcome.writesTried]).toEqual([step, true, true])
      const places = records.flatMap(({ life, number }) => (number === null ? [] : [`${life}/${number}`]))
      expect(new Set(places).size, step).toBe(places.length)
    }
  } finally {
    restore()
  }
}, 300_000)
