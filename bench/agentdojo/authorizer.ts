/**
 * Answers replay.py over loopback HTTP with the decisions of a real Narrowgate: the Worker in workerd, asked as a gateway
 * asks. Each trace has a user of its own, because an agent carries labels from one task of a user into the next.
 */
import { createServer, type IncomingMessage } from "node:http"
import { z } from "zod"
import { startNarrowgate, type RunningNarrowgate } from "../../testing/index.ts"
import type { Decision, TestTask, User } from "../../testing/types.ts"
import { listen } from "../../dev/loopback.ts"
import { detailsOf, type UserCall } from "./intent.ts"
import type { Catalog, Policy } from "./policies.ts"

/** Denials by which policies answer. Any other is a fault of the benchmark, and ends it. */
const DENIALS: ReadonlySet<string> = new Set([
  "approval_required",
  "budget_exhausted",
  "deviation",
  "insufficient_scope",
  "policy_denied",
  "rate_limited",
])

const call = z.object({ function: z.string(), arguments: z.record(z.string(), z.unknown()) })
const opening = z.object({ prompt: z.string(), calls: z.array(call) })
const asking = call.extend({ session: z.string() })
const closing = z.object({ session: z.string() })

interface Trace {
  readonly user: string
  readonly task: TestTask
  readonly workers: ReadonlyMap<string, TestTask>
  /** Calls that the user has asked for, and has not approved yet. */
  readonly own: UserCall[]
  approvals: number
  /** Whether its plan was left, so that it is quarantined: its token is accepted no more. */
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
  if (request.url === "/open") return traces.open(opening.parse(body))
  if (request.url === "/decide") return traces.decide(asking.parse(body))
  if (request.url === "/close") return traces.close(closing.parse(body))
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

  async open({ prompt, calls }: z.infer<typeof opening>): Promise<{ session: string }> {
    const { policy, catalog } = this.#options
    const subject = `user-${++this.#users}`
    const user = { subject, groups: [policy.group] }
    const task = await this.#ng.task({
      user,
      agent: policy.agent,
      ...(policy.asks === "user" && detailsOf(prompt, calls, catalog)),
    })
    const workers = new Map<string, TestTask>()
    for (const [action, agent] of Object.entries(policy.workers ?? {})) {
      workers.set(action, await this.#ng.task({ agent, parent: task }))
    }
    this.#open.set(subject, { user: subject, task, workers, own: [...calls], approvals: 0, isQuarantined: false })
    return { session: subject }
  }

  async decide({ session, ...wanted }: z.infer<typeof asking>): Promise<{ allow: boolean; code: string | null }> {
    const trace = this.#trace(session)
    let decision = await this.#ask(trace, wanted)
    if (decision.code === "approval_required" && this.#isApproved(trace, wanted)) {
      await this.#ng.approve(decision, { as: this.#approverOf(trace) })
      trace.approvals++
      decision = await this.#ask(trace, wanted)
    }
    return { allow: decision.allowed, code: decision.code }
  }

  close({ session }: z.infer<typeof closing>): { approvals: number } {
    const { approvals } = this.#trace(session)
    this.#open.delete(session)
    return { approvals }
  }

  #trace(session: string): Trace {
    const trace = this.#open.get(session)
    if (trace) return trace
    throw new Error(`there is no session ${session}`)
  }

  async #ask(trace: Trace, wanted: UserCall): Promise<Decision> {
    const name = `app.${wanted.function}`
    const action = this.#options.catalog.tools.find((tool) => tool.name === name)?.action ?? ""
    const decision = await this.#ng.call(trace.workers.get(action) ?? trace.task, name, wanted.arguments)
    const { allowed, code } = decision
    trace.isQuarantined ||= code === "deviation"
    const isExpected = allowed || DENIALS.has(code ?? "") || (trace.isQuarantined && code === "invalid_token")
    if (!isExpected) throw new Error(`${name}: ${code}, ${decision.body}`)
    return decision
  }

  /** People approve exactly what the user has asked for, as often as that. */
  #isApproved(trace: Trace, wanted: UserCall): boolean {
    const found = trace.own.findIndex((own) => isSameCall(own, wanted))
    if (!this.#options.hasApprover || found < 0) return false
    trace.own.splice(found, 1)
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
