/** A tree in memory, moved by the same pure steps as the ledger's: for tests of the decision without any platform. */
import { inject } from "vitest"
import { countsIn } from "./guardrails.ts"
import { UNKNOWN_CLIENT } from "../../src/core/decision/client.ts"
import {
  beginTree,
  callStep,
  openRequest,
  openStep,
  type SimulatedState,
} from "../../src/core/explanation/simulated-tree.ts"
import type { CallArguments } from "../../src/core/catalog/arguments.ts"
import { parseScope } from "../../src/core/catalog/pattern.ts"
import type { Sensitivity } from "../../src/core/catalog/tool.ts"
import type { Call, DecisionResult } from "../../src/core/decision/call.ts"
import type { ArgumentBounds } from "../../src/core/catalog/bounds/definition.ts"
import type { RequestedGrant } from "../../src/core/task/grant.ts"
import { isOAuthFailure, type OAuthError } from "../../src/core/denials/oauth-error.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { assemble, type Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { encode } from "../../src/core/policy/encode.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import type { OpenRequest } from "../../src/core/task/open-request.ts"
import { agentId, IDP } from "./issuers.ts"

export const POINTER = { seq: 1, digest: "0".repeat(64) }
/** Some moment; the decision has no clock of its own. */
export const START = 1_800_000_000_000
export const ROOT = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`
export const ALICE: UserFacts = { issuer: IDP, subject: "alice", groups: ["staff"] }

export const assembled = (body: BundleBody = inject("yard")): Bundle => assemble(encode(body), POINTER)

/** The yard with more tools, each like `files.list`. */
export function withTools(
  body: BundleBody,
  more: readonly { readonly name: string; readonly server: string }[],
): BundleBody {
  const tool = body.tools.find(({ name }) => name === "files.list")
  const known = body.entities.find(({ uid }) => uid.type === "Tool" && uid.id === "files.list")
  if (!tool || !known) throw new Error("the yard has changed")
  return {
    ...body,
    tools: [...body.tools, ...more.map((each) => ({ ...tool, ...each }))],
    entities: [...body.entities, ...more.map(({ name: id }) => ({ ...known, uid: { type: "Tool", id } }))],
  }
}

export const scopes = (...texts: readonly string[]): RequestedGrant => askedFor({ scopes: texts })

/** One part; without scopes, what the purpose gives by default. */
export function askedFor({
  scopes: texts,
  maxSensitivity = null,
  bounds = {},
  calls = null,
}: AskedTexts): RequestedGrant {
  const parts = texts && [{ scopes: texts.flatMap((text) => parseScope(text) ?? []), maxSensitivity, bounds }]
  return { parts, inDetails: false, calls }
}

interface AskedTexts {
  readonly scopes: readonly string[] | null
  readonly maxSensitivity?: Sensitivity | null
  readonly bounds?: ArgumentBounds
  readonly calls?: number | null
}

export { freshProofs, type SimulatedState as Held } from "../../src/core/explanation/simulated-tree.ts"

export const newState = (user: UserFacts | null = ALICE): TreeState => beginTree(POINTER, ROOT, user, START)

let made = 0

/** Opens a root, or below `parent` a child; or says why not. */
export interface HeldFor extends SimulatedState {
  /** Of the token that was issued. */
  readonly audience: string
}

export function open(
  bundle: Bundle,
  state: TreeState,
  agent: string,
  parent: SimulatedState | null = null,
  more: Partial<OpenRequest> = {},
  now = START,
): HeldFor | OAuthError {
  const token = `token-${++made}`
  const below = parent && { task: parent.task, token: parent.token, handedOverBy: null }
  const request = openRequest(agentId(agent), state, token, { parent: below, since: START, ...more })
  const opened = openStep(bundle, state, request, now)
  return isOAuthFailure(opened)
    ? opened.refused
    : { task: opened.task.id, token: request.token, audience: opened.audience }
}

export function opened(outcome: SimulatedState | OAuthError): SimulatedState {
  if ("reason" in outcome) throw new Error(`not opened: ${JSON.stringify(outcome)}`)
  return outcome
}

export function callOf(
  held: SimulatedState,
  tool: string,
  values: CallArguments["values"] = {},
  more: Partial<Call> = {},
): Call {
  return {
    decisionId: `dec_${++made}`,
    task: held.task,
    token: held.token,
    proof: null,
    tool,
    arguments: { complete: true, values },
    method: "GET",
    target: "/",
    gateway: "envoy",
    environment: "test",
    client: UNKNOWN_CLIENT,
    mode: "enforce",
    retry: null,
    risks: [],
    ...more,
  }
}

/** One step as the ledger makes it. */
export function step(bundle: Bundle, state: TreeState, call: Call, now = START): DecisionResult["verdict"] {
  return callStep(bundle, state, call, now)
}

export function reasonOf(bundle: Bundle, state: TreeState, call: Call, now = START): string {
  return step(bundle, state, call, now).denial?.reason ?? "allowed"
}

/** The state as plain data: two that are equal decide alike. Looking at a window at `now` forgets what has left it. */
export function snapshot(bundle: Bundle, state: TreeState, now: number): unknown {
  const { definitions } = bundle.guardrails
  return structuredClone({
    ...state,
    ledger: { ...state.ledger, trees: null },
    memory: countsIn(state.ledger.memories.of(state.root), definitions, now),
  })
}
