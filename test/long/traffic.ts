/**
 * Agents at work, for as long as they are let: each opens tasks, reads, writes, asks people, is denied, renews its token,
 * ends its task and opens the next. What they did, and what they were answered, is kept: it is the reference that the
 * Worker's own records and limits are held against.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { ORIGIN } from "../../bench/servers/identities.ts"
import type { Task } from "../../bench/servers/narrowgate.ts"
import { APPROVED, PER_TREE, SCOPE, SHARED, type Stack } from "./stack.ts"

/** One call, as its agent knows it. */
export interface Call {
  /** No other call has the same method and path. */
  readonly path: string
  /** What it writes to; null: it is a read, or nothing that there is. */
  readonly tool: string | null
  /** Root of its tree. */
  readonly tree: string
  /** Milliseconds. */
  readonly sent: number
  readonly received: number
  /** `cut`: the connection ended before an answer came, so it may have been admitted or not. */
  readonly answer: "allowed" | "denied" | "cut"
  /** Of the answer; empty: none came. */
  readonly decision: string
  /** `ok`, or the code of the denial. */
  readonly code: string
}

export interface Log {
  /** Of writes by their path; of all others the last alone count. */
  readonly writes: Map<string, Call>
  /** All others that were answered, and how many of those were cut. */
  readonly reads: Call[]
  cutReads: number
  readonly codes: Map<string, number>
  /** Trees that were opened, and those whose end was acknowledged. */
  opened: number
  ended: number
  renewed: number
  /** Approvals that were given, and calls that passed by one. */
  approved: number
  paid: number
  /** What was acknowledged and is not known any more: a task that was opened, an approval that was given. */
  readonly lost: string[]
  /** Calls that passed by an approval that had been used. */
  readonly usedTwice: string[]
  /** Calls that passed although the end of their task had been acknowledged. */
  readonly outlived: string[]
}

const AGENTS = 8
/** Of each agent, at the same time. */
const TASKS = 3
const CALLS_PER_TASK = 60
/** Milliseconds between two calls of an agent, on average: a pace that a slow machine keeps too. */
const PAUSE_MS = 30
const TIMEOUT_MS = 10_000
const REMEMBERED_ENDED = 16
/** Records of reads are sent within a second of their answer; the machine may be busy. */
export const IN_MEMORY_MS = 2_000
/** A process that is killed may send an answer meanwhile, above all workerd as its supervisor is killed. */
const DIES_WITHIN_MS = 500

export class Traffic {
  readonly log: Log = {
    writes: new Map(),
    reads: [],
    cutReads: 0,
    codes: new Map(),
    opened: 0,
    ended: 0,
    renewed: 0,
    approved: 0,
    paid: 0,
    lost: [],
    usedTwice: [],
    outlived: [],
  }
  readonly #stack: Stack
  readonly #random: () => number
  /** Tasks whose end was acknowledged lately. */
  readonly #ended: Task[] = []
  #stopped = false
  #number = 0
  #agents: readonly Promise<void>[] = []

  /** @param random from 0 to 1 */
  constructor(stack: Stack, random: () => number) {
    this.#stack = stack
    this.#random = random
  }

  start(): void {
    this.#stopped = false
    this.#agents = Array.from({ length: AGENTS }, async (_, agent) => this.#work(agent))
  }

  /** Once each has its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#agents)
  }

  /** Tries every token of a task that has ended lately: none may open anything. */
  async tryEnded(): Promise<void> {
    for (const task of this.#ended) {
      const { answer, decision } = await this.#call(task, "GET", "/crm/tickets/T-1", null)
      if (answer === "allowed") this.log.outlived.push(decision)
    }
  }

  /**
   * Allowed reads that have no record.
   * @param known ids of records
   * @param kills milliseconds since the epoch
   * @returns how long before the next kill each was answered, in milliseconds
   */
  lostReads(known: ReadonlySet<string>, kills: readonly number[]): readonly number[] {
    const lost = this.log.reads.filter(({ answer, decision }) => answer === "allowed" && !known.has(decision))
    const next = (at: number): number => kills.find((kill) => at < kill + DIES_WITHIN_MS) ?? Number.POSITIVE_INFINITY
    return lost.map(({ received }) => next(received) - received)
  }

  async #work(agent: number): Promise<void> {
    const tasks: (Living | null)[] = Array.from({ length: TASKS }, () => null)
    while (!this.#stopped) {
      const slot = Math.floor(this.#random() * TASKS)
      const living = tasks[slot] ?? null
      if (!living) tasks[slot] = await this.#open(`user-${agent}-${slot}`)
      else if (living.calls >= CALLS_PER_TASK) tasks[slot] = (await this.#end(living)) ? null : living
      else await this.#step(living)
      await sleep(this.#random() * 2 * PAUSE_MS)
    }
  }

  async #open(user: string): Promise<Living | null> {
    const task = await this.#stack.narrowgate.openTask(user, SCOPE).catch(() => null)
    if (task) this.log.opened += 1
    return task && { task, calls: 0 }
  }

  async #step(living: Living): Promise<void> {
    living.calls += 1
    const chance = this.#random()
    const { task } = living
    if (chance < 0.45) {
      const { code } = await this.#call(task, "GET", `/crm/tickets/T-${Math.floor(this.#random() * 400)}`, null)
      if (code === "invalid_token") this.log.lost.push(task.id)
    } else if (chance < 0.65) await this.#write(task, PER_TREE.tool, (id) => `/crm/tickets/T-${id}/replies`)
    else if (chance < 0.83) await this.#write(task, SHARED.tool, (id) => `/post/L-${id}`)
    else if (chance < 0.88) await this.#pay(task)
    else if (chance < 0.91) await this.#call(task, "GET", "/crm/tickets/X-1", null)
    else if (chance < 0.93) await this.#call(task, "GET", "/crm/customers/C-1", null)
    else if (chance < 0.95) await this.#call(task, "POST", "/nowhere", null)
    else if (chance < 0.97)
      await this.#call({ ...task, token: `${task.token.slice(0, -8)}AAAAAAAA` }, "GET", "/crm/tickets/T-1", null)
    else await this.#renew(living)
  }

  async #write(task: Task, tool: string, pathOf: (id: number) => string): Promise<Call> {
    return this.#call(task, "POST", pathOf(++this.#number), tool)
  }

  /** Asks, has it approved, makes the very call again, and once more, which may not pass by the same approval. */
  async #pay(task: Task): Promise<void> {
    const path = `/till/P-${++this.#number}`
    const asked = await this.#send(task, "POST", path)
    this.#count(asked.code)
    if (asked.code !== "approval_required") return
    const { approval }: { readonly approval?: { readonly id: string } } = JSON.parse(asked.body)
    const answer = JSON.stringify({ approve: true })
    const headers = { authorization: await this.#stack.operator(), "content-type": "application/json" }
    const given = await this.#fetch(`/v1/tasks/${task.id}/approvals/${approval?.id}`, {
      method: "POST",
      headers,
      body: answer,
    })
    if (given?.status !== 200) return
    this.log.approved += 1
    const paid = await this.#call(task, "POST", path, APPROVED)
    if (paid.answer === "allowed") this.log.paid += 1
    if (paid.code === "approval_required") this.log.lost.push(path)
    const again = await this.#send(task, "POST", path)
    this.#count(again.code)
    // Of a call that was cut nobody knows whether it used the approval up.
    if (again.code === "ok" && paid.answer !== "cut") this.log.usedTwice.push(path)
    if (again.code === "ok" && paid.answer === "cut")
      this.log.writes.set(path, { ...paid, answer: "allowed", decision: again.decision })
  }

  async #renew(living: Living): Promise<void> {
    const { task } = living
    const body = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: task.token,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      client_assertion: await this.#stack.narrowgate.identities.svid(),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    })
    const response = await this.#fetch("/oauth/token", { method: "POST", body })
    if (response?.status !== 200) return
    const { access_token: token = "", task: id }: { readonly access_token?: string; readonly task?: string } =
      JSON.parse(response.body)
    if (id !== task.id) throw new Error("a renewed token is of another task")
    living.task = { id, token }
    this.log.renewed += 1
  }

  /** @returns whether it was acknowledged */
  async #end({ task }: Living): Promise<boolean> {
    const headers = { authorization: `Bearer ${task.token}` }
    const response = await this.#fetch(`/v1/tasks/${task.id}/complete`, { method: "POST", headers })
    // Not found any more: an end whose answer was cut has ended it.
    if (!response || ![200, 401].includes(response.status)) return false
    this.log.ended += 1
    if (response.status === 200) this.#ended.push(task)
    if (this.#ended.length > REMEMBERED_ENDED) this.#ended.shift()
    return true
  }

  async #call(task: Task, method: string, path: string, tool: string | null): Promise<Call> {
    const sent = Date.now()
    const { code, decision } = await this.#send(task, method, path)
    const answer = code === "ok" ? "allowed" : code === "cut" ? "cut" : "denied"
    const call = { path, tool, tree: task.id, sent, received: Date.now(), answer, decision, code } as const
    this.#count(code)
    if (tool !== null) this.log.writes.set(path, call)
    else if (answer === "cut") this.log.cutReads += 1
    else this.log.reads.push(call)
    return call
  }

  #count(code: string): void {
    this.log.codes.set(code, (this.log.codes.get(code) ?? 0) + 1)
  }

  /** As the gateway asks. */
  async #send(
    { token }: Task,
    method: string,
    path: string,
  ): Promise<{ readonly code: string; readonly decision: string; readonly body: string }> {
    const headers = {
      authorization: `Bearer ${token}`,
      "x-narrowgate-key": this.#stack.narrowgate.gatewayKey,
      "x-forwarded-method": method,
      "x-forwarded-uri": path,
      "x-forwarded-host": new URL(ORIGIN).host,
    }
    const response = await this.#fetch("/authz/forward", { headers })
    if (!response) return { code: "cut", decision: "", body: "" }
    const code =
      response.status === 200 ? "ok" : (response.headers.get("x-narrowgate-code") ?? `status ${response.status}`)
    return { code, decision: response.headers.get("x-narrowgate-decision") ?? "", body: response.body }
  }

  /** Null: no whole answer came. */
  async #fetch(
    path: string,
    init: RequestInit,
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: string } | null> {
    try {
      const url = `http://127.0.0.1:${this.#stack.narrowgate.workerd.port}${path}`
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
      return { status: response.status, headers: response.headers, body: await response.text() }
    } catch {
      // Its process is gone, or about to be: who asks in a loop gives the next one time to start.
      await sleep(100)
      return null
    }
  }
}

interface Living {
  task: Task
  calls: number
}
