/** The same services behind the gateways of `policies/`, which ask a real Narrowgate about each call. */
import {
  startNarrowgate,
  TaskDenied,
  type RunningNarrowgate,
  type TestGateway,
  type TestTask,
} from "../../testing/index.ts"
import { sendCall } from "./plain.ts"
import type { Services } from "./services.ts"
import { Refused, type Session, type World } from "./world.ts"

const POLICIES = "test/assurance/policies"
/** By the ids of gateways.yaml. */
const GATEWAYS = ["edge", "staging"]
/** Manages this Narrowgate (policies/operators.yaml). */
const OPERATOR = { subject: "olivia", groups: ["operations"] }

/** What a record says of a denial. */
export interface RecordedDenial {
  readonly kind: string
  readonly code: string
  readonly reason: string
}

export interface GuardedWorld extends World, AsyncDisposable {
  readonly narrowgate: RunningNarrowgate
  /** Of the tasks that were begun since the last time, and of the token requests that were refused. */
  denials(): Promise<readonly RecordedDenial[]>
}

/** @param files replace those of the policies: a control is taken out by that */
export async function startGuarded(
  services: Services,
  files: Readonly<Record<string, string>> = {},
): Promise<GuardedWorld> {
  const narrowgate = await startNarrowgate({ policies: POLICIES, files })
  const gateways = new Map<string, TestGateway>()
  for (const id of GATEWAYS) gateways.set(id, await narrowgate.gateway(id, { upstream: services.url }))
  const tasks = new Map<string, TestTask>()
  const refused: string[] = []
  return {
    narrowgate,
    deeds: services.deeds,
    async begin({ agent, person, purpose, scope, details, parent }) {
      const above = parent?.task ? tasks.get(parent.task) : undefined
      try {
        const task = await narrowgate.task({
          agent,
          ...(person && { user: person }),
          ...(purpose !== undefined && { purpose }),
          ...(scope && { scope }),
          ...(details && { details }),
          ...(above && { parent: above }),
        })
        tasks.set(task.id, task)
        return { authorization: `Bearer ${task.token}`, task: task.id }
      } catch (error) {
        if (!(error instanceof TaskDenied)) throw error
        if (error.decision !== null) refused.push(error.decision)
        throw new Refused(error.code)
      }
    },
    async call(session: Session, call) {
      const gateway = gateways.get(call.gateway ?? "edge")
      if (!gateway) throw new Error(`no gateway ${call.gateway}`)
      return sendCall(gateway.url, session, call)
    },
    async pass(span) {
      await narrowgate.clock.advance(span)
    },
    async denials() {
      const ofTasks = await Promise.all([...tasks.keys()].map(async (task) => narrowgate.records(task)))
      const ofRequests = await Promise.all(refused.map(async (id) => recordWith(narrowgate, id)))
      tasks.clear()
      refused.length = 0
      return [...ofTasks.flat(), ...ofRequests].flatMap(({ kind, code, denial }) =>
        denial ? [{ kind, code, reason: String(denial["reason"]) }] : [],
      )
    },
    async [Symbol.asyncDispose]() {
      await narrowgate.stop()
    },
  }
}

type AnyRecord = Awaited<ReturnType<RunningNarrowgate["records"]>>[number]

async function recordWith(narrowgate: RunningNarrowgate, id: string): Promise<AnyRecord> {
  const headers = { authorization: `Bearer ${await narrowgate.person(OPERATOR)}` }
  const answer = await fetch(`${narrowgate.url}/v1/decisions/${id}`, { headers })
  if (!answer.ok) throw new Error(`no record ${id}: ${answer.status}`)
  return answer.json()
}
