/** When a task and its tokens end, and which bound was the first. */
import { describe, expect, inject, test } from "vitest"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import { openRequest, openStep } from "../../../src/core/explanation/simulated-tree.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { PurposeDefinition } from "../../../src/core/policy/definition/agents.ts"
import type { OpenRequest } from "../../../src/core/task/open-request.ts"
import type { Opened } from "../../../src/core/task/opening-step.ts"
import { openedTask } from "../../../src/core/task/opened-task.ts"
import type { TreeState } from "../../../src/core/task/state.ts"
import { agentId } from "../../harness/issuers.ts"
import { assembled, newState, START } from "../../harness/trees.ts"

const MINUTE = 60_000

/** The yard whose purposes have tasks of half an hour, and whose agents have tokens of five minutes. */
function bundleWith(more: Partial<PurposeDefinition> = {}): Bundle {
  const body = inject("yard")
  return assembled({
    ...body,
    agents: body.agents.map((agent) => ({ ...agent, life: 300 })),
    purposes: body.purposes.map((purpose) => ({ ...purpose, life: 1_800, ...more })),
  })
}

let made = 0

function request(
  bundle: Bundle,
  state: TreeState,
  { agent = "first", ...more }: Partial<OpenRequest> = {},
  now = START,
): Opened | string {
  const asked = openRequest(agentId(agent), state, `token-${++made}`, { since: START, ...more })
  const opened = openStep(bundle, state, asked, now)
  return isOAuthFailure(opened) ? opened.refused.reason : opened
}

function opening(...args: Parameters<typeof request>): Opened {
  const opened = request(...args)
  if (typeof opened === "string") throw new Error(opened)
  return opened
}

const minutes = (at: number): number => (at - START) / MINUTE
/** In minutes from the start. */
const endsOf = (opened: Opened, state: TreeState, now = START) => {
  const { expiresAt, limitedBy, taskExpiresAt, taskLimitedBy } = openedTask(opened, state, now)
  return { token: [minutes(expiresAt), limitedBy], task: [minutes(taskExpiresAt), taskLimitedBy] }
}

describe("the bound that ends a task first", () => {
  const ends = (more: Partial<OpenRequest>) => {
    const [bundle, state] = [bundleWith(), newState()]
    return endsOf(opening(bundle, state, more), state)
  }

  test("is the life of its purpose", () => {
    const sessionExpiresAt = START + 60 * MINUTE
    expect(ends({ sessionExpiresAt })).toEqual({ token: [5, "agent_life"], task: [30, "purpose_life"] })
    expect(ends({})).toEqual({ token: [5, "agent_life"], task: [30, "purpose_life"] })
  })

  test("is the session", () => {
    const sessionExpiresAt = START + 10 * MINUTE
    expect(ends({ sessionExpiresAt })).toEqual({ token: [5, "agent_life"], task: [10, "session"] })
    expect(ends({ sessionExpiresAt: START + MINUTE })).toEqual({ token: [1, "task"], task: [1, "session"] })
  })

  test("is what a person has consented to", () => {
    const kept = { tools: null, calls: null, life: 20 * MINUTE }
    expect(ends({ kept }).task).toEqual([20, "consent"])
    expect(ends({ kept: { ...kept, life: null } }).task).toEqual([30, "purpose_life"])
    expect(ends({ kept: { ...kept, life: 30 * MINUTE } }).task).toEqual([30, "purpose_life"])
  })

  test("is the end of its parent", () => {
    const [bundle, state] = [bundleWith(), newState()]
    const root = opening(bundle, state, { sessionExpiresAt: START + 10 * MINUTE })
    const parent = { task: root.task.id, token: root.opening.token.jti, handedOverBy: null }
    const child = opening(bundle, state, { agent: "second", parent }, START + MINUTE)
    expect(endsOf(child, state, START + MINUTE)).toEqual({ token: [6, "agent_life"], task: [10, "parent"] })
  })

  test("of a later token is still that of its task", () => {
    const [bundle, state] = [bundleWith(), newState()]
    const root = opening(bundle, state, { sessionExpiresAt: START + 10 * MINUTE })
    const parent = { task: root.task.id, token: root.opening.token.jti, handedOverBy: null }
    const renewed = opening(bundle, state, { parent }, START + 4 * MINUTE)
    expect(endsOf(renewed, state, START + 4 * MINUTE)).toEqual({ token: [9, "agent_life"], task: [10, "session"] })
  })
})
