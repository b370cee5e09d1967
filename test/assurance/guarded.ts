/** The same services behind the gateways of `policies/`, which have a real Narrowgate authorize each call. */
import {
  startNarrowgate,
  TaskDenied,
  type DecisionRecord,
  type TestGateway,
  type TestTask,
} from "../../testing/index.ts"
import { sendCall } from "./plain.ts"
import { OLIVIA } from "./scenarios/people.ts"
import type { Services } from "./services.ts"
import type { Narrowgate, Session, World } from "./world.ts"

export const POLICIES = "test/assurance/policies"
/** The audience of each, by the ids of gateways.yaml. */
const GATEWAYS: ReadonlyMap<string, string> = new Map([
  ["edge", "https://api.example"],
  ["staging", "https://staging.example"],
])
/** Milliseconds. */
const RECORD_WITHIN = 10_000
const LOOK_AGAIN = 50

/** The path at which the services receive notices. */
export const HOOKS = "/hooks"

const receiversAt = (url: string): string => `receivers:
  - id: security
    format: set
    url: ${url}
    audience: ${url}
    events: [task.quarantined, task.revoked, switch.set]
`

/** What a record says of a denial. */
export interface RecordedDenial {
  readonly kind: string
  readonly code: string
  readonly reason: string
  /** Of a credential: why it was rejected. */
  readonly because: string | null
}

export interface GuardedWorld extends World, AsyncDisposable {
  readonly narrowgate: Narrowgate
  /** Of calls, token requests and requests to manage, since this was last called. */
  denials(): Promise<readonly RecordedDenial[]>
}

/** @param files replace those of the policies, which takes a control out */
export async function startGuarded(
  services: Services,
  files: Readonly<Record<string, string>> = {},
): Promise<GuardedWorld> {
  const receivers = receiversAt(services.url + HOOKS)
  const running = await startNarrowgate({ policies: POLICIES, files: { "receivers.yaml": receivers, ...files } })
  const gateways = new Map<string, TestGateway>()
  for (const id of GATEWAYS.keys()) gateways.set(id, await running.gateway(id, { upstream: services.url }))
  const tasks = new Map<string, TestTask>()
  /** Ids of decisions that deny something else than a call. */
  const deniedDecisions: string[] = []
  /** How many calls `denials` has read, by gateway. */
  const callsRead = new Map<string, number>()
  const narrowgate: Narrowgate = Object.assign(running, {
    async request(path: string, init: RequestInit) {
      const answer = await fetch(running.url + path, init)
      const body = await answer.text()
      const decision = answer.headers.get("x-narrowgate-decision") ?? decisionIn(body)
      if (!answer.ok && decision !== null) deniedDecisions.push(decision)
      return { status: answer.status, body }
    },
  })
  return {
    narrowgate,
    servedRequests: services.servedRequests,
    describe: services.describe,
    async begin({ agent, person, purpose, scope, details, parent, gateway }) {
      const above = parent?.task ? tasks.get(parent.task) : undefined
      const audience = GATEWAYS.get(gateway ?? "edge")
      try {
        const task = await narrowgate.task({
          agent,
          ...(person && { user: person }),
          ...(purpose !== undefined && { purpose }),
          ...(scope && { scope }),
          ...(details && { details }),
          ...(above && { parent: above }),
          ...(audience !== undefined && { audience }),
        })
        tasks.set(task.id, task)
        return { authorization: `Bearer ${task.token}`, task: task.id }
      } catch (error) {
        if (error instanceof TaskDenied && error.decision !== null) deniedDecisions.push(error.decision)
        throw error
      }
    },
    async call(session: Session, call) {
      const gateway = gateways.get(call.gateway ?? "edge")
      if (!gateway) throw new Error(`no gateway ${call.gateway}`)
      return sendCall(gateway.url, session, call)
    },
    async complete({ authorization, task }) {
      const answer = await narrowgate.request(`/v1/tasks/${task}/complete`, {
        method: "POST",
        headers: { authorization },
      })
      if (answer.status !== 200) throw new Error(`not completed: ${answer.status} ${answer.body}`)
    },
    async pass(span) {
      await narrowgate.clock.advance(span)
    },
    async denials() {
      const ids = deniedDecisions.splice(0)
      for (const [id, gateway] of gateways) {
        const calls = gateway.calls()
        ids.push(...calls.slice(callsRead.get(id) ?? 0).flatMap((call) => (call.allowed ? [] : [call.id])))
        callsRead.set(id, calls.length)
      }
      const headers = { authorization: `Bearer ${await narrowgate.person(OLIVIA)}` }
      return Promise.all(ids.map(async (id) => denialOf(`${narrowgate.url}/v1/decisions/${id}`, headers)))
    },
    async [Symbol.asyncDispose]() {
      await narrowgate.stop()
    },
  }
}

interface DenialRecord extends DecisionRecord {
  readonly denial: { readonly reason: string; readonly because?: { readonly reason: string } | null }
}

/** Records arrive within a second of their answers; on a busy machine somewhat later. */
async function denialOf(url: string, headers: Readonly<Record<string, string>>): Promise<RecordedDenial> {
  const until = performance.now() + RECORD_WITHIN
  for (;;) {
    const answer = await fetch(url, { headers })
    if (answer.ok) {
      const record: DenialRecord = JSON.parse(await answer.text())
      return {
        kind: record.kind,
        code: record.code,
        reason: record.denial.reason,
        because: record.denial.because?.reason ?? null,
      }
    }
    if (performance.now() > until) throw new Error(`no record at ${url}: ${answer.status}`)
    await new Promise((resolve) => void setTimeout(resolve, LOOK_AGAIN))
  }
}

function decisionIn(body: string): string | null {
  const [, id = null] = /"decision_id":"(dec_\w+)"/u.exec(body) ?? []
  return id
}
