/** When a task and its tokens end, and which bound was the first. */
import { describe, expect, inject, test } from "vitest"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import { openRequest, openStep } from "../../../src/core/explanation/simulated-tree.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { PurposeDefinition } from "../../../src/core/policy/definition/agents.ts"
import { previewTask } from "../../../src/core/task/consent.ts"
import { NOTHING_REQUESTED } from "../../../src/core/task/grant.ts"
import type { OpenRequest } from "../../../src/core/task/open-request.ts"
import type { Consent } from "../../../src/core/task/pending-consent.ts"
import type { Opened } from "../../../src/core/task/opening-step.ts"
import { openedTask } from "../../../src/core/task/opened-task.ts"
import { continuedTree, continueTask } from "../../../src/core/task/continuation.ts"
import { openTask } from "../../../src/core/task/open.ts"
import { ancestryOf, isAlive, newTree, type TreeState } from "../../../src/core/task/state.ts"
import { applyOpening } from "../../../src/core/task/transition.ts"
import { agentId } from "../../harness/issuers.ts"
import { ALICE, assembled, newState, START } from "../../harness/trees.ts"

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

const CONSENT: Consent = {
  secretHash: "",
  agent: agentId("first"),
  user: ALICE,
  purpose: "work",
  asked: NOTHING_REQUESTED,
  audience: "https://api.test/",
  bindingMessage: null,
  expiresAt: START + MINUTE,
  life: 0,
  answer: null,
  isRedeemed: false,
}

let made = 0

function request(
  bundle: Bundle,
  state: TreeState,
  { agent = agentId("first"), ...more }: Partial<OpenRequest> = {},
  now = START,
): Opened | string {
  const asked = openRequest(agent, state, `token-${++made}`, { since: START, ...more })
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
    const child = opening(bundle, state, { agent: agentId("second"), parent }, START + MINUTE)
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

describe("a fresher session", () => {
  const REFRESH = { session: { refresh: true } } as const
  const KEY = "key"
  const HOUR = 60 * MINUTE

  interface Brought {
    /** Minutes from the start, when the session was issued and when it ends. */
    readonly from: number
    readonly to: number
    /** Minutes from the start, when its user logged in. Undefined: it does not say. */
    readonly login?: number | undefined
    readonly issuer?: string
    readonly subject?: string
    readonly groups?: readonly string[]
    readonly client?: string | null
  }

  function session({ from, to, login = -10, client = "app", ...user }: Brought): Partial<OpenRequest> {
    const until = START + to * MINUTE
    const auth_time = START / 1000 + login * 60
    return {
      user: { ...ALICE, ...user, auth_time, until },
      sessionExpiresAt: until,
      sessionClient: client,
      since: START + from * MINUTE,
    }
  }

  /** A task that ends after ten minutes with its session, although it may live for half an hour. */
  function begun(
    { of = REFRESH, ...more }: Partial<OpenRequest> & { readonly of?: Partial<PurposeDefinition> } = {},
    first: Brought = { from: 0, to: 10 },
  ) {
    const bundle = bundleWith(of)
    const brought = session(first)
    const state = newState(brought.user)
    const root = opening(bundle, state, { jkt: KEY, ...brought, ...more })
    return { bundle, state, root, task: root.task.id }
  }

  type Begun = ReturnType<typeof begun>

  function bring({ bundle, state, task }: Begun, brought: Brought, more: Partial<OpenRequest> = {}, at = 5) {
    const now = START + at * MINUTE
    const outcome = request(bundle, state, { jkt: KEY, ...session(brought), task, ...more }, now)
    return typeof outcome === "string" ? outcome : endsOf(outcome, state, now).task
  }

  const LATER: Brought = { from: 4, to: 20 }

  test("extends the task, and what its agent has open follows", () => {
    const one = begun()
    expect(bring(one, { ...LATER, groups: ["others"] })).toEqual([20, "session"])
    const { state, root } = one
    expect(state.user).toMatchObject({ groups: ["others"], until: START + 20 * MINUTE })
    // What was granted earlier can still be revoked by its time.
    expect(state.since).toBe(START)
    const { historyKey, id } = root.task
    const { liveTasks, liveBytes, openings } = state.ledger
    expect([liveTasks, liveBytes].map((shares) => shares.untilOf(historyKey, id))).toEqual([
      START + 20 * MINUTE,
      START + 20 * MINUTE,
    ])
    expect(openings.whyFull(historyKey, { live: 1, per_minute: 100 }, START + 15 * MINUTE)).not.toBeNull()
    expect(isAlive(state, ancestryOf(state, id), START + 19 * MINUTE)).toBe(true)
    expect(isAlive(state, ancestryOf(state, id), START + 20 * MINUTE)).toBe(false)
  })

  test("extends it again, and never past its life", () => {
    const one = begun()
    expect(bring(one, LATER)).toEqual([20, "session"])
    expect(bring(one, { from: 14, to: 90 }, {}, 15)).toEqual([30, "purpose_life"])
    expect(bring(one, { from: 28, to: 120 }, {}, 29)).toEqual([30, "purpose_life"])
    expect(bring(one, { from: 29, to: 120 }, {}, 30)).toBe("parent_ended")
  })

  test("never extends it past the consented end", () => {
    const one = begun({ kept: { tools: null, calls: null, life: 15 * MINUTE } })
    expect(bring(one, { from: 4, to: 90 })).toEqual([15, "consent"])
  })

  test("is no bound of what a person is shown, who consents to all that it may be extended to", () => {
    const person = { ...ALICE, until: START + 10 * MINUTE }
    const answer = { approved: true, person, until: START + 10 * MINUTE, since: START }
    const consent = { ...CONSENT, answer }
    const lifeOf = (more: Partial<PurposeDefinition>) => {
      const preview = previewTask(bundleWith(more), newState(), consent, START)
      return isOAuthFailure(preview) ? preview.refused.reason : preview.life / MINUTE
    }
    expect(lifeOf(REFRESH)).toBe(30)
    expect(lifeOf({})).toBe(10)
  })

  test("a request for the same continues the task, and extends it as well", () => {
    const { bundle, state, root } = begun()
    const now = START + 5 * MINUTE
    const asked = openRequest(agentId("first"), state, "again", { jkt: KEY, ...session(LATER) })
    const fresh = newTree(state.ledger, `${root.task.id.slice(0, -1)}1`, asked.user, asked.since)
    const opened = openTask(bundle, fresh, asked, now)
    if (isOAuthFailure(opened)) throw new Error(opened.refused.reason)
    state.ledger.trees.set(state.root, state)
    expect(continuedTree(state.ledger, asked, opened, now)).toBe(state)
    const continued = continueTask(bundle, state, asked, opened, now)
    if (isOAuthFailure(continued)) throw new Error(continued.refused.reason)
    expect(endsOf(continued, state, now).task).toEqual([20, "session"])
    applyOpening(state, continued.opening, now)
    expect(state.user?.until).toBe(START + 20 * MINUTE)
    // An attacker's older session takes nothing back.
    const older = { ...asked, token: "older", ...session({ from: 1, to: 11 }) }
    const kept = continueTask(bundle, state, older, opened, now)
    expect(isOAuthFailure(kept) ? kept : [endsOf(kept, state, now).task, kept.opening.session]).toEqual([
      [20, "session"],
      null,
    ])
  })

  test("its token lives no longer than the session that was brought", () => {
    const { bundle, state, task } = begun()
    bring({ bundle, state, task, root: begun().root }, LATER)
    const now = START + 18 * MINUTE
    const parent = { task, token: [...state.tokens.keys()].at(-1) ?? "", handedOverBy: null }
    state.ledger.liveTokens.add(state, parent.token, { task, expiresAt: START + HOUR, jkt: KEY })
    const renewed = opening(bundle, state, { jkt: KEY, parent }, now)
    expect(endsOf(renewed, state, now)).toEqual({ token: [20, "task"], task: [20, "session"] })
  })

  test("a later login whose session is shorter bounds the tokens that follow, and ends them", () => {
    const start = begun()
    const { bundle, state, task } = start
    const shorter = { ...LATER, from: 5, to: 8 }
    bring(start, { ...shorter, login: 4 })
    const parent = { task, token: [...state.tokens.keys()].at(-1) ?? "", handedOverBy: null }
    state.ledger.liveTokens.add(state, parent.token, { task, expiresAt: START + HOUR, jkt: KEY })
    const now = START + 7 * MINUTE
    expect(endsOf(opening(bundle, state, { jkt: KEY, parent }, now), state, now).token).toEqual([8, "session"])
    expect(() => opening(bundle, state, { jkt: KEY, parent }, START + 8 * MINUTE)).toThrow("parent_ended")
  })

  /** Each is brought for a task that it must not extend; and what comes of it. */
  const ATTACKS: readonly (readonly [string, unknown, () => unknown])[] = [
    ["with another key", "key_differs", () => bring(begun(), LATER, { jkt: "other" })],
    ["without a key", "key_differs", () => bring(begun(), LATER, { jkt: null })],
    ["by another agent", "session_differs", () => bring(begun(), LATER, { agent: agentId("second") })],
    ["of another client", "session_differs", () => bring(begun(), { ...LATER, client: "other" })],
    [
      "of another client, with a later login",
      "session_differs",
      () => bring(begun(), { ...LATER, client: "other", login: 4 }),
    ],
    ["without a client", "session_differs", () => bring(begun(), { ...LATER, client: null })],
    ["of another subject", "session_differs", () => bring(begun(), { ...LATER, subject: "bob" })],
    [
      "of the same subject at another issuer",
      "session_differs",
      () => bring(begun(), { ...LATER, issuer: "https://b.test" }),
    ],
    ["that is the same", "session_not_fresher", () => bring(begun(), { from: 0, to: 10 })],
    ["that is older", "session_not_fresher", () => bring(begun(), { from: -5, to: 9 })],
    ["that is older and ends later", "session_not_fresher", () => bring(begun(), { from: -5, to: 60 })],
    ["of an earlier login", "session_not_fresher", () => bring(begun(), { ...LATER, login: -60 })],
    ["that has ended", "subject_rejected", () => bring(begun(), { from: 1, to: 4 })],
    ["that ends sooner, with a later login", [10, "session"], () => bring(begun(), { from: 4, to: 8, login: 4 })],
    ["for a task that has ended", "parent_ended", () => bring(ended("completed"), LATER)],
    ["for a task that is revoked", "parent_ended", () => bring(ended("revoked"), LATER)],
    ["for a task that is frozen", "parent_ended", () => bring(ended("quarantined"), LATER)],
    ["for a task whose session has ended", "parent_ended", () => bring(begun(), { from: 9, to: 60 }, {}, 10)],
    [
      "for a task of a purpose that does not say so",
      [10, "session"],
      () => bring(begun({ of: {} }), { ...LATER, login: 4 }),
    ],
    [
      "for a task of a purpose that says no",
      [10, "session"],
      () => bring(begun({ of: { session: { refresh: false } } }), { ...LATER, login: 4 }),
    ],
    [
      "for a task without a key",
      [10, "session"],
      () => bring(begun({ jkt: null }), { ...LATER, login: 4 }, { jkt: null }),
    ],
    [
      "for a task whose purpose no longer says so",
      [10, "session"],
      () => bring({ ...begun(), bundle: bundleWith() }, { ...LATER, login: 4 }),
    ],
    [
      "of the same login, for one whose purpose no longer says so",
      "session_not_fresher",
      () => bring({ ...begun(), bundle: bundleWith() }, LATER),
    ],
  ]

  function ended(status: "completed" | "revoked" | "quarantined"): Begun {
    const one = begun()
    const task = one.state.tasks.get(one.task)
    if (task) task.status = status
    return one
  }

  test.each(ATTACKS)("%s extends nothing", (_name, outcome, attack) => {
    expect(attack()).toEqual(outcome)
  })

  test("does not extend the tasks below, by whomever it is brought", () => {
    const one = begun()
    const { bundle, state, root } = one
    const parent = { task: root.task.id, token: root.opening.token.jti, handedOverBy: KEY }
    const child = opening(bundle, state, { agent: agentId("second"), jkt: "second key", parent })
    const ofChild = () => {
      const task = state.tasks.get(child.task.id)
      return [minutes(task?.expiresAt ?? 0), task?.limitedBy]
    }
    expect(ofChild()).toEqual([10, "parent"])
    expect(bring(one, LATER)).toEqual([20, "session"])
    expect(ofChild()).toEqual([10, "parent"])
    const bySecond = { agent: agentId("second"), jkt: "second key" }
    expect(bring({ ...one, task: child.task.id }, { from: 5, to: 25 }, bySecond, 6)).toBe("session_not_fresher")
    expect(bring({ ...one, task: child.task.id }, { from: 5, to: 25, login: 5 }, bySecond, 6)).toEqual([10, "parent"])
    expect(root.task.expiresAt).toBe(START + 20 * MINUTE)
    // What the child has brought is newer, so its own older one is none any more.
    expect(bring(one, { from: 4.5, to: 24, login: 5 }, {}, 7)).toBe("session_not_fresher")
  })

  test("of a consented task may be of any client, and then of that one alone", () => {
    const one = begun({ sessionClient: null })
    expect(bring(one, LATER)).toEqual([20, "session"])
    expect(bring(one, { from: 6, to: 25, client: "other" }, {}, 7)).toBe("session_differs")
    expect(bring(one, { from: 6, to: 25 }, {}, 7)).toEqual([25, "session"])
  })
})
