/**
 * Runs one query in its scene: a tree of tasks is opened, makes its earlier calls, and then makes the call in question.
 * The ledger's own steps do all of it (src/ledger/tree.ts); nothing here decides.
 */
import { UNSEEN_ARGUMENTS } from "../../src/core/catalog/arguments.ts"
import { locateTool } from "../../src/core/catalog/tool-request.ts"
import { NO_EVIDENCE } from "../../src/core/decision/call.ts"
import { isDenied } from "../../src/core/denials/denial.ts"
import { NOTHING_REQUESTED } from "../../src/core/task/grant.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import { differences, gotOf } from "./expect.ts"
import { recordingEngine, type RecordedQueries } from "./recording-engine.ts"
import { Stage, type Caller } from "./simulation.ts"
import { wholeGrant } from "../../src/core/explanation/whole-grant.ts"
import { beginTree, openRequest, openStep } from "../../src/core/explanation/simulated-tree.ts"
import { mayManage } from "../../src/core/policy/management.ts"
import type { Opened } from "../../src/core/task/opening-step.ts"
import type { Login, CallTarget, Scene, TestQuery, Decided, Result, Run, Opening } from "./scene.ts"

/**
 * Milliseconds, 08:00 UTC of 2027-01-15: no decision depends on the date, except for limits that begin anew each day and
 * for bounds on dates that count from today.
 */
export const START = 1_800_000_000_000
const ROOT = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`
/** Thumbprint of the key of agents that prove one. */
const KEY = "thumbprint of a key of the agent"

/** Opening evaluates policy for every requested tool, so scenes that begin alike are opened once. */
export function runOn(plain: Bundle): Run {
  const recorder = recordingEngine(plain.engine)
  const bundle = { ...plain, engine: recorder.engine }
  const openings = new Map<string, { readonly value: Opening; readonly recorded: RecordedQueries }>()
  return {
    ask: (question) => {
      if (question.kind === "manage") {
        const { value: result, recorded } = recorder.during(() => manage(bundle, question))
        return { result, recorded: [recorded] }
      }
      const { user, chain, consents, boundKey, rulesAlone } = question.scene
      const key = JSON.stringify([user, chain, consents, boundKey, rulesAlone])
      let opening = openings.get(key)
      if (!opening) openings.set(key, (opening = recorder.during(() => openAll(bundle, question.scene))))
      const { value: opened, recorded: before } = opening
      const { value: result, recorded } = recorder.during(() => askOpened(bundle, opened, question))
      return { result, recorded: [before, recorded] }
    },
  }
}

function manage(bundle: Bundle, { operator, method, thing }: Extract<TestQuery, { kind: "manage" }>): Result {
  const { denial, principal, rules } = mayManage(bundle, operator, method, thing)
  return { kind: "decided", denial, evidence: { ...NO_EVIDENCE, principal: denial && principal, rules }, tool: null }
}

function openAll(bundle: Bundle, { user: login, chain, consents, boundKey, rulesAlone }: Scene): Opening {
  const user = login && userOf(login)
  const state = beginTree(bundle.pointer, ROOT, user, START)
  const jkt = boundKey ? KEY : null
  const opened: Opened[] = []
  const opening = rulesAlone ? withoutUsers(bundle) : bundle
  for (const [index, { agent, purpose, requested }] of chain.entries()) {
    const above = opened.at(-1)
    const parent = above ? { task: above.task.id, token: above.opening.token.jti, handedOverBy: jkt } : null
    const wish = rulesAlone ? { asked: NOTHING_REQUESTED, isPreview: true } : { asked: requested }
    const more = { parent, purpose, approvals: consents, jkt, ...wish }
    const step = openStep(opening, state, openRequest(agent, state, `token ${index}`, more), START)
    if (isOAuthFailure(step)) return { user, opened, refused: step.refused }
    const holder = rulesAlone ? holdingAll(step, bundle) : step
    // The tasks below it are narrowed from what it holds.
    if (holder.opening.task) state.tasks.set(holder.task.id, holder.opening.task)
    opened.push(holder)
  }
  return { user, opened, refused: null }
}

/** No purpose requires a user. */
function withoutUsers(bundle: Bundle): Bundle {
  const purposes = Array.from(bundle.purposes, ([name, purpose]) => [name, { ...purpose, user: "optional" }] as const)
  return { ...bundle, purposes: new Map(purposes) }
}

function holdingAll({ opening, ...opened }: Opened, bundle: Bundle): Opened {
  const task = opening.task && { ...opening.task, grant: wholeGrant(bundle) }
  return { ...opened, opening: { ...opening, task } }
}

function userOf({ auth_age, ...login }: Login): UserFacts {
  return auth_age === undefined ? login : { ...login, auth_time: START / 1000 - auth_age }
}

function askOpened(
  bundle: Bundle,
  { user, opened, refused }: Opening,
  question: Exclude<TestQuery, { kind: "manage" }>,
): Result {
  const { chain, left, after, later, client } = question.scene
  if (refused) {
    const isAsked = question.kind === "open" && opened.length === chain.length - 1
    if (isAsked) return { kind: "refused", refusal: refused }
    return { kind: "unopened", agent: chain[opened.length]?.agent ?? "", refusal: refused }
  }
  const task = opened.at(-1)?.task
  if (!task) throw new Error("a scene has a task")
  if (question.kind === "open") return { kind: "opened", task }
  const stage = new Stage(bundle, beginTree(bundle.pointer, ROOT, user, START), opened, question.scene)
  stage.leave(left)
  for (const [step, { target, times, later: before, expected, settles, ...caller }] of after.entries()) {
    stage.wait(before)
    const settle = stage.settling()
    for (let time = 0; time < times; time++) {
      const decided = callOn(stage, bundle, target, caller)
      if (differences(expected, gotOf(decided)).length > 0)
        return { kind: "interrupted", step, time, decided, expected }
    }
    if (settles) settle()
  }
  stage.wait(later)
  return callOn(stage, bundle, question.target, { by: null, client })
}

function callOn(
  stage: Stage,
  { catalog }: Bundle,
  { gateway, unseen, ...request }: CallTarget,
  by: Omit<Caller, "gateway">,
): Decided {
  const caller = { ...by, gateway }
  const located = locateTool(catalog, request)
  if (isDenied(located)) {
    stage.refused(located.denied, caller)
    return { kind: "decided", denial: located.denied, evidence: NO_EVIDENCE, tool: null }
  }
  const { tool, besides } = located
  const called = {
    tool: tool.name,
    arguments: unseen ? UNSEEN_ARGUMENTS : located.arguments,
    ...(besides && { besides }),
  }
  const { denial, evidence } = stage.call(called, caller)
  return { kind: "decided", denial, evidence, tool: tool.name }
}
