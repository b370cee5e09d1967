/**
 * The calls that the benchmarks are about: reading a ticket, asked by many task trees in turn, and what must be denied.
 */
import type { PreparedRequest } from "../load/request.ts"
import { ISSUER, makeProof, makeProofKey, ORIGIN, type ProofKey } from "../servers/identities.ts"
import type { Narrowgate, Task } from "../servers/narrowgate.ts"

/** So many that no one object bears it all, as few as one isolate serves at a time. */
export const MANY_TREES = 32
export const READ_TICKET = "/crm/tickets/T-1"
export const SCOPE = "crm.tickets.*:read crm.tickets.*:write crm.secrets.get:read"

export const ALLOWED = { status: 200, contains: null } as const

/** One after the other: opening is not what is measured. */
export async function openTrees(narrowgate: Narrowgate, count: number): Promise<Task[]> {
  const tasks: Task[] = []
  for (let tree = 0; tree < count; tree++) tasks.push(await narrowgate.openTask(`user-${tree}`, SCOPE))
  return tasks
}

/** Allowed by the whole way: token, grant, windows, ten rules for two principals, counters, record. */
export function allowedReads(narrowgate: Narrowgate, tasks: readonly Task[]): PreparedRequest[] {
  return tasks.map((task) => narrowgate.question(task, "GET", READ_TICKET, ALLOWED))
}

export interface BoundTask extends Task {
  readonly key: ProofKey
}

/** Each bound to a key of its own. */
export async function openBoundTrees(narrowgate: Narrowgate, count: number): Promise<BoundTask[]> {
  const tasks: BoundTask[] = []
  for (let tree = 0; tree < count; tree++) {
    const key = await makeProofKey()
    const proof = await makeProof(key, "POST", `${ISSUER}/oauth/token`, null)
    tasks.push({ ...(await narrowgate.openTask(`bound-${tree}`, SCOPE, { proof })), key })
  }
  return tasks
}

/** More than a round can ask, so that each goes out once. */
const PROOFS = 8_000

/** As many calls as a round can take, each with a proof of its own: a proof is admitted once. */
export async function boundReads(narrowgate: Narrowgate, tasks: readonly BoundTask[]): Promise<PreparedRequest[]> {
  const each = Math.ceil(PROOFS / tasks.length)
  const rounds = Array.from({ length: each }, () => tasks).flat()
  return Promise.all(
    rounds.map(async (task) => {
      const proof = await makeProof(task.key, "GET", `${ORIGIN}${READ_TICKET}`, task.token)
      return narrowgate.question(task, "GET", READ_TICKET, ALLOWED, proof)
    }),
  )
}

/** Denied at the edge: the token's scope does not cover the tool, so no ledger is asked. */
export function deniedEarly(narrowgate: Narrowgate, tasks: readonly Task[]): PreparedRequest[] {
  return tasks.map((task) =>
    narrowgate.question(task, "GET", "/crm/customers/C-1", { status: 403, contains: "insufficient_scope" }),
  )
}

/** The same token must be denied by rules, by the catalog and by the edge, each with its code. */
export function denials(narrowgate: Narrowgate, task: Task): PreparedRequest[] {
  const denied = (path: string, code: string): PreparedRequest =>
    narrowgate.question(task, "GET", path, { status: 403, contains: code })
  const forged = { ...task, token: `${task.token.slice(0, -8)}AAAAAAAA` }
  return [
    denied("/crm/tickets/X-1", "policy_denied"),
    denied("/crm/secrets/S-1", "policy_denied"),
    denied("/crm/nothing", "unknown_tool"),
    ...deniedEarly(narrowgate, [task]),
    narrowgate.question(forged, "GET", READ_TICKET, { status: 401, contains: "invalid_token" }),
  ]
}

export async function admittedBy(narrowgate: Narrowgate, tasks: readonly Task[]): Promise<number> {
  let sum = 0
  for (const task of tasks) sum += await narrowgate.admitted(task)
  return sum
}

export async function admittedByBound(narrowgate: Narrowgate, tasks: readonly BoundTask[]): Promise<number> {
  let sum = 0
  for (const task of tasks) {
    const proof = await makeProof(task.key, "GET", `${ISSUER}/v1/tasks/${task.id}`, task.token)
    sum += await narrowgate.admitted(task, proof)
  }
  return sum
}
