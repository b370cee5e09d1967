/** Makes the calls of a plan on the real Worker, with a meter on its objects and a clock that the meter moves. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { guard } from "../benchmark.ts"
import { addAgents } from "../benchmarks/agents.ts"
import { ALLOWED, READ_TICKET, SCOPE } from "../benchmarks/trees.ts"
import type { Counts } from "../costs/count.ts"
import { changePolicies, edit, newRobot, send } from "../costs/kinds.ts"
import type { Lab } from "../lab.ts"
import type { Expected, PreparedRequest } from "../load/request.ts"
import { SUITE, suiteKept, suiteList } from "../servers/suite.ts"
import { buildMetered } from "../servers/build.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import type { CallKind, PlannedTask } from "./plan.ts"

export interface MeasuredRun {
  readonly counts: Counts
  /** Objects that stored something while the plan ran, by class. */
  readonly objects: Readonly<Record<string, number>>
}

export class Driver implements AsyncDisposable {
  readonly #narrowgate: Narrowgate
  readonly #meter: string

  private constructor(narrowgate: Narrowgate) {
    this.#narrowgate = narrowgate
    this.#meter = `http://127.0.0.1:${narrowgate.workerd.port}/bench/meter`
  }

  /**
   * All calls are under a shared window too.
   * @param life seconds until a task expires
   */
  static async start(lab: Lab, agents: readonly string[], life: number): Promise<Driver> {
    const robot = await newRobot()
    const change = async (directory: string): Promise<void> => {
      await changePolicies(directory, true)
      await addAgents(directory, agents)
      await edit(join(directory, "agents.yaml"), (file) => file.setIn(["purposes", 0, "life"], life))
    }
    const robots = { [robot.id]: robot.publicJwk }
    return new Driver(await startNarrowgate(lab, robots, change, buildMetered, false, true))
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#narrowgate[Symbol.asyncDispose]()
  }

  /** @param lastsMs until nothing is left of the tasks */
  async drive(tasks: readonly PlannedTask[], lastsMs: number): Promise<MeasuredRun> {
    await this.#pass(ASLEEP_AFTER_MS)
    await this.#report()
    const opened = new Map<PlannedTask, Task>()
    const steps = tasks
      .flatMap((task) => [{ at: task.at, task, kind: null }, ...task.calls.map(({ at, kind }) => ({ at, task, kind }))])
      .toSorted((a, b) => a.at - b.at)
    let [now, requests] = [0, 0]
    for (const { at, task, kind } of steps) {
      if (at > now) await this.#pass(at - now)
      now = Math.max(now, at)
      requests += 1
      const token = opened.get(task)
      if (kind === null)
        opened.set(task, await this.#narrowgate.openTask(task.user, LISTED_SCOPE, { agent: task.agent }))
      else if (token) await send(this.#narrowgate, REQUESTS[kind](this.#narrowgate, token))
    }
    await this.#pass(1_000)
    const objects = await this.#stored()
    await this.#pass(Math.max(0, lastsMs - now))
    return { counts: { ...(await this.#report()), requests }, objects }
  }

  async #stored(): Promise<Record<string, number>> {
    const root = join(this.#narrowgate.workerd.directory, "objects")
    const objects: Record<string, number> = {}
    for (const name of await readdir(root)) {
      const files = await readdir(join(root, name))
      objects[name] = files.filter((file) => file.endsWith(".sqlite") && !file.startsWith("metadata")).length
    }
    return objects
  }

  async #pass(milliseconds: number): Promise<void> {
    const response = await fetch(this.#meter, { method: "POST", body: String(milliseconds) })
    guard(response.ok, `the meter answered ${response.status}\n${this.#narrowgate.workerd.complaints()}`)
    await response.json()
  }

  async #report(): Promise<Counts> {
    return (await fetch(this.#meter)).json()
  }
}

const ASLEEP_AFTER_MS = 20_000

const LISTED_SCOPE = `${SCOPE} ${SUITE}.*:read`

const REQUESTS: Readonly<Record<CallKind, (narrowgate: Narrowgate, task: Task) => PreparedRequest>> = {
  read: (narrowgate, task) => narrowgate.question(task, "GET", READ_TICKET, ALLOWED),
  write: (narrowgate, task) => narrowgate.question(task, "POST", "/crm/tickets/T-1/replies", ALLOWED),
  list: (narrowgate, task) => narrowgate.listing(task, SUITE, suiteList, { status: 200, contains: suiteKept }),
  denied: (narrowgate, task) => narrowgate.question(task, "GET", "/crm/tickets/X-1", deniedAs("policy_denied")),
  out_of_scope: (narrowgate, task) =>
    narrowgate.question(task, "GET", "/crm/customers/C-1", deniedAs("insufficient_scope")),
}

const deniedAs = (contains: string): Expected => ({ status: 403, contains })
