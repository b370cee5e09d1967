import { describe, expect, inject, test } from "vitest"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import { renewRoot } from "../../../src/core/task/renew.ts"
import { dropExpiredTokens } from "../../../src/core/task/transition.ts"
import { agentId } from "../../harness/issuers.ts"
import { askedFor, assembled, newState, open, opened, START, withTools } from "../../harness/trees.ts"
import { historyKeyOf } from "../../../src/core/guardrails/history-key.ts"

/** The yard with as many more tools, all alike. */
function withMany(count: number): BundleBody {
  const body = inject("yard")
  const agents = body.agents.map((agent) => ({ ...agent, ceiling: { ...agent.ceiling, tools: ["*:read"] } }))
  const more = Array.from({ length: count }, (_, nth) => ({ server: "many", name: `many.tool-${nth}` }))
  return withTools({ ...body, agents }, more)
}

const REFUSED = { reason: "details_malformed", what: "with its tools and their bounds the grant is too long" }

test("a grant is refused of which its ledger could not store many: bounds count once, and again in each task below", () => {
  const bundle = assembled(withMany(300))
  const asking = (length: number, letter = "€") => ({
    asked: askedFor({ scopes: ["many.*:read"], bounds: { what: { eq: letter.repeat(length) } } }),
  })
  const sizeOf = (length: number): number | undefined => {
    const state = newState()
    return state.tasks.get(opened(open(bundle, state, "first", null, asking(length))).task)?.bytes
  }
  expect((sizeOf(1_300) ?? 0) - (sizeOf(0) ?? 0)).toBe(3 * 1_300)
  // Less than the most in characters, and more in bytes.
  expect(open(bundle, newState(), "first", null, asking(132_000))).toEqual(REFUSED)
  // What the tasks above it are bound by counts again in each below.
  const state = newState()
  const root = opened(open(bundle, state, "first", null, asking(70_000)))
  expect(open(bundle, state, "second", root, asking(50_000, "¥¥"))).toEqual(REFUSED)
})

describe("a tree of which more tokens are alive than anybody needs", () => {
  const FULL = { reason: "too_many_tasks", what: "tree", retry_after: 60 }

  /** @param expiresAt of as many tokens as there may be */
  function filled(expiresAt: number) {
    const [bundle, state] = [assembled(), newState()]
    const root = opened(open(bundle, state, "first"))
    for (let nth = state.tokens.size; nth < 1_024; nth++) {
      state.ledger.liveTokens.add(state, `more-${nth}`, { task: root.task, expiresAt, jkt: null })
    }
    const refresh = { agent: agentId("first"), audience: "", jkt: null, token: "by a refresh token", scope: null }
    dropExpiredTokens(state, historyKeyOf(agentId("first")), START)
    const renewed = renewRoot(bundle, state, refresh, START)
    return {
      renewal: open(bundle, state, "first", root),
      child: open(bundle, state, "second", root),
      refreshed: isOAuthFailure(renewed) ? renewed.refused : "issued",
    }
  }

  test("has no further one, by whatever it is asked for", () => {
    expect(filled(START + 60_000)).toEqual({ renewal: FULL, child: FULL, refreshed: FULL })
  })

  test("has some again once they have expired", () => {
    const { renewal, child, refreshed } = filled(START)
    expect([opened(renewal).task, opened(child).task.endsWith(".1"), refreshed]).toEqual([
      opened(renewal).task,
      true,
      "issued",
    ])
  })
})

test("no token lives longer than a quarter of an hour, whatever its agent's registration says", () => {
  const body = inject("yard")
  const bundle = assembled({
    ...body,
    agents: body.agents.map((agent) => ({ ...agent, life: 86_400 })),
    purposes: body.purposes.map((purpose) => ({ ...purpose, life: 86_400 })),
  })
  const state = newState()
  const { token } = opened(open(bundle, state, "first"))
  expect(state.tokens.get(token)?.expiresAt).toBe(START + 900_000)
})
