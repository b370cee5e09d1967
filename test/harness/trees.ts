/** A tree in memory, moved by the same pure steps as the ledger's: for tests of the decision without any platform. */
import { inject } from "vitest"
import type { CallArguments } from "../../src/catalog/arguments.ts"
import { parseScope } from "../../src/catalog/pattern.ts"
import type { Sensitivity } from "../../src/catalog/tool.ts"
import { decide, type Call, type Outcome } from "../../src/decide.ts"
import type { ArgumentBounds } from "../../src/exchange/bounds.ts"
import { ASKED_NOTHING, type Asked } from "../../src/exchange/grant.ts"
import { openTask, type OpenRequest } from "../../src/exchange/open.ts"
import { isRefused, type Refusal } from "../../src/exchange/refusal.ts"
import { ProofLog } from "../../src/ledger/proof-log.ts"
import { newTree, type TreeState, type UserFacts } from "../../src/ledger/state.ts"
import { applyChange, applyEnd, applyOpening, endedBy } from "../../src/ledger/transition.ts"
import { assemble, type Bundle } from "../../src/policy/assemble.ts"
import type { BundleBody } from "../../src/policy/bundle.ts"
import { encode } from "../../src/policy/encode.ts"
import { agentId, IDP } from "./issuers.ts"

export const POINTER = { seq: 1, digest: "0".repeat(64) }
/** Some moment; the decision has no clock of its own. */
export const START = 1_800_000_000_000
export const ROOT = "tsk_01JZZZZZZZZZZZZZZZZZZZZZZZ"
export const ALICE: UserFacts = { issuer: IDP, subject: "alice", groups: ["staff"] }

export const assembled = (body: BundleBody = inject("yard")): Bundle => assemble(encode(body), POINTER)

export const scopes = (...texts: readonly string[]): Asked => askedFor({ scopes: texts })

/** One part; without scopes, what the purpose gives by default. */
export function askedFor({ scopes: texts, maxSensitivity = null, bounds = {}, calls = null }: AskedTexts): Asked {
  const parts = texts && [{ scopes: texts.flatMap((text) => parseScope(text) ?? []), maxSensitivity, bounds }]
  return { parts, inDetails: false, calls }
}

interface AskedTexts {
  readonly scopes: readonly string[] | null
  readonly maxSensitivity?: Sensitivity | null
  readonly bounds?: ArgumentBounds
  readonly calls?: number | null
}

export interface Held {
  readonly task: string
  readonly token: string
}

/** Of a tree that has just been opened: no earlier life can have admitted any. */
export const freshProofs = (): ProofLog => new ProofLog("nonce", Number.NEGATIVE_INFINITY)

export const newState = (user: UserFacts | null = ALICE): TreeState =>
  newTree(ROOT, user, START, POINTER, START, freshProofs())

let made = 0

/** Opens a root, or below `parent` a child; or says why not. */
export function open(
  bundle: Bundle,
  state: TreeState,
  agent: string,
  parent: Held | null = null,
  more: Partial<OpenRequest> = {},
  now = START,
): Held | Refusal {
  const token = `token-${++made}`
  const request: OpenRequest = {
    agent: agentId(agent),
    user: state.user,
    sessionExpiresAt: null,
    since: START,
    parent: parent && { ...parent, handedOverBy: null },
    task: null,
    purpose: null,
    asked: ASKED_NOTHING,
    caps: [],
    approvals: [],
    jkt: null,
    token,
    ...more,
  }
  const opened = openTask(bundle, state, request, now)
  if (isRefused(opened)) return opened.refused
  applyOpening(state, opened.opening, now)
  return { task: opened.task.id, token: request.token }
}

export function opened(outcome: Held | Refusal): Held {
  if ("reason" in outcome) throw new Error(`not opened: ${JSON.stringify(outcome)}`)
  return outcome
}

export function callOf(held: Held, tool: string, values: CallArguments["values"] = {}, more: Partial<Call> = {}): Call {
  return {
    decisionId: `dec_${++made}`,
    task: held.task,
    token: held.token,
    proof: null,
    tool,
    arguments: { complete: true, values },
    gateway: "envoy",
    environment: "test",
    mode: "enforce",
    retry: null,
    ...more,
  }
}

/** One step as the ledger makes it: an allow changes the state, a denial must not. */
export function step(bundle: Bundle, state: TreeState, call: Call, now = START): Outcome["verdict"] {
  const { change, verdict, proof, end } = decide(bundle, state, call, now)
  if (change) applyChange(state, change)
  if (proof !== null) state.proofs.admit(proof)
  if (end) applyEnd(state, endedBy(state, end), end)
  return verdict
}

export function reasonOf(bundle: Bundle, state: TreeState, call: Call, now = START): string {
  return step(bundle, state, call, now).denial?.reason ?? "allowed"
}

/** The state as plain data: two that are equal decide alike. Looking at a window at `now` forgets what has left it. */
export function snapshot(bundle: Bundle, state: TreeState, now: number): unknown {
  const uses = [...state.windows].map(([key, log]) => {
    const definition = bundle.windows.find(({ id }) => key === id || key.startsWith(`${id}|`))
    return [key, definition && log.use(definition, now)]
  })
  return structuredClone({ ...state, windows: uses })
}
