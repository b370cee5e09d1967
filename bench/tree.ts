/** A tree of tasks in this very process, moved by the ledger's pure steps. */
import { cp, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { compilePolicies } from "../cli/compiler/compile.ts"
import type { Call } from "../src/core/decision/call.ts"
import { isOAuthFailure } from "../src/core/denials/oauth-error.ts"
import { beginTree, openRequest, openStep } from "../src/core/explanation/simulated-tree.ts"
import { UNKNOWN_CLIENT } from "../src/core/decision/client.ts"
import type { TreeState } from "../src/core/task/state.ts"
import type { Bundle } from "../src/core/policy/assemble.ts"
import { guard } from "./benchmark.ts"
import type { Lab } from "./lab.ts"
import { writeGuardrails } from "./servers/guarded.ts"
import { makeIdentities } from "./servers/identities.ts"

const ROOT = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`
const TOKEN = "token"
const AGENT = "spiffe://bench.example/agent/desk"
const USER = { issuer: "https://idp.bench.example", subject: "user", groups: ["support"] }

/** Days pass here: its task and its token do not end. */
export function openTree(bundle: Bundle, now: number): TreeState {
  const state = beginTree(bundle.pointer, ROOT, USER, now)
  const opened = openStep(bundle, state, openRequest(AGENT, state, TOKEN), now)
  guard(!isOAuthFailure(opened), "a task can be opened")
  state.tasks.set(ROOT, { ...opened.task, expiresAt: Number.POSITIVE_INFINITY })
  state.tokens.set(TOKEN, { ...opened.opening.token, expiresAt: Number.POSITIVE_INFINITY })
  return state
}

export function callOn(
  { root: task }: TreeState,
  decisionId: string,
  tool: string,
  values: Readonly<Record<string, unknown>>,
): Call {
  return {
    decisionId,
    task,
    token: TOKEN,
    proof: null,
    tool,
    arguments: { complete: true, values },
    method: "POST",
    target: "/",
    gateway: "bench",
    environment: "bench",
    client: UNKNOWN_CLIENT,
    mode: "enforce",
    retry: null,
    risks: [],
  }
}

/** bench/policies with these guardrails. */
export async function compileGuarded(lab: Lab, guardrails: Parameters<typeof writeGuardrails>[1]): Promise<Bundle> {
  const directory = lab.place("policies")
  await cp(join(import.meta.dirname, "policies"), directory, { recursive: true })
  const { files } = await makeIdentities()
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content)
  await writeGuardrails(directory, guardrails)
  const { bundle, problems } = await compilePolicies(directory)
  guard(bundle !== null, `bench/policies does not compile: ${JSON.stringify(problems)}`)
  return bundle
}
