/**
 * Answers replay.py over loopback HTTP with the decisions of a real Narrowgate: the Worker in workerd, which receives
 * each call as from a gateway. Each trace has a user of its own, because an agent carries labels from one task of a
 * user into the next.
 */
import { createServer, type IncomingMessage } from "node:http"
import { z } from "zod"
import { startNarrowgate, type RunningNarrowgate } from "../../testing/index.ts"
import type { Decision, TestTask, User } from "../../testing/types.ts"
import { listen } from "../../dev/loopback.ts"
import { detailsOf, type UserCall } from "./intent.ts"
import type { Catalog, Policy } from "./policies.ts"

/** Codes of the denials that a policy can cause. Any other is a fault of the benchmark, and ends it. */
const DENIALS: ReadonlySet<string> = new Set([
  "approval_required",
  "budget_exhausted",
  "deviation",
  "insufficient_scope",
  "policy_denied",
  "rate_limited",
])

const userCall = z.object({ function: z.string(), arguments: z.record(z.string(), z.unknown()) })
const openRequest = z.object({ prompt: z.string(), calls: z.array(userCall) })
const decideRequest = userCall.extend({ session: z.string() })
const closeRequest = z.object({ session: z.string() })

interface Trace {
  readonly user: string
  readonly task: TestTask
  readonly workers: ReadonlyMap<string, TestTask>
  /** Calls of the user's own task for which no approval was given yet. */
  readonly ownCalls: UserCall[]
  approvals: number
  /** Whether a call deviated from its plan. The task is then quarantined, and its token is no longer valid. */
  isQuarantined: boolean
}

export interface AuthorizerOptions {
  readonly policy: Policy
  readonly catalog: Catalog
  /** The policy directory. */
  readonly directory: string
  /** Whether there is an approver, who approves the calls of the user's own task and no others. */
  readonly hasApprover: boolean
}

export interface RunningAuthorizer extends AsyncDisposable {
  readonly url: string
}

export async function startAuthorizer(options: AuthorizerOptions): Promise<RunningAuthorizer> {
  const ng = await startNarrowgate({ policies: options.directory })
  const traces = new Traces(ng, options)
  const server = createServer((request, response) => {
    void answer(traces, request)
      .then((value) => response.end(JSON.stringify(value)))
      .catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  const { origin, close } = await listen(server, 0)
  return {
    url: origin,
    async [Symbol.asyncDispose]() {
      await Promise.all([close(), ng.stop()])
    },
  }
}

async function answer(traces: Traces, request: IncomingMessage): Promise<object> {
  const chunks: Buffer[] = await request.toArray()
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"))
  if (request.url === "/open") return traces.open(openRequest.parse(body))
  if (request.url === "/decide") return traces.decide(decideRequest.parse(body))
  if (request.url === "/close") return traces.close(closeRequest.parse(body))
  throw new Error(`there is no ${request.url}`)
}

class Traces {
  readonly #ng: RunningNarrowgate
  readonly #options: AuthorizerOptions
  readonly #open = new Map<string, Trace>()
  #users = 0

  constructor(ng: RunningNarrowgate, options: AuthorizerOptions) {
    this.#ng = ng
    this.#options = options
  }

  async open({ prompt, calls }: z.infer<typeof openRequest>): Promise<{ session: string }> {
    const { policy, catalog } = this.#options
    const subject = `user-${++this.#users}`
    const user = { subject, groups: [policy.group] }
    const task = await this.#ng.task({
      user,
      agent: policy.agent,
      ...(policy.requestsTools === true && detailsOf(prompt, calls, catalog)),
    })
    const workers = new Map<string, TestTask>()
    for (const [action, agent] of Object.entries(policy.workers ?? {})) {
      workers.set(action, await this.#ng.task({ agent, parent: task }))
    }
    this.#open.set(subject, { user: subject, task, workers, ownCalls: [...calls], approvals: 0, isQuarantined: false })
    return { session: subject }
  }

  async decide({ session, ...call }: z.infer<typeof decideRequest>): Promise<{ allow: boolean; code: string | null }> {
    const trace = this.#trace(session)
    let decision = await this.#authorize(trace, call)
    if (decision.code === "approval_required" && this.#isApproved(trace, call)) {
      await this.#ng.approve(decision, { as: this.#approverOf(trace) })
      trace.approvals++
      decision = await this.#authorize(trace, call)
    }
    return { allow: decision.allowed, code: decision.code }
  }

  close({ session }: z.infer<typeof closeRequest>): { approvals: number } {
    const { approvals } = this.#trace(session)
    this.#open.delete(session)
    return { approvals }
  }

  #trace(session: string): Trace {
    const trace = this.#open.get(session)
    if (trace) return trace
    throw new Error(`there is no session ${session}`)
  }

  async #authorize(trace: Trace, call: UserCall): Promise<Decision> {
    const name = `app.${call.function}`
    const action = this.#options.catalog.tools.find((tool) => tool.name === name)?.action ?? ""
    const decision = await this.#ng.call(trace.workers.get(action) ?? trace.task, name, call.arguments)
    const { allowed, code } = decision
    trace.isQuarantined ||= code === "deviation"
    const isExpected = allowed || DENIALS.has(code ?? "") || (trace.isQuarantined && code === "invalid_token")
    if (!isExpected) throw new Error(`${name}: ${code}, ${decision.body}`)
    return decision
  }

  /** The approver approves exactly the calls of the user's own task, each as often as the task makes it. */
  #isApproved(trace: Trace, call: UserCall): boolean {
    const found = trace.ownCalls.findIndex((own) => isSameCall(own, call))
    if (!this.#options.hasApprover || found < 0) return false
    trace.ownCalls.splice(found, 1)
    return true
  }

  #approverOf({ user }: Trace): User {
    const { approver } = this.#options.policy
    return typeof approver === "object" ? { subject: "fay", groups: [approver.group] } : { subject: user }
  }
}

function isSameCall(one: UserCall, other: UserCall): boolean {
  return one.function === other.function && JSON.stringify(one.arguments) === JSON.stringify(other.arguments)
}
