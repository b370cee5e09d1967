/** Makes the calls of a plan on the real Worker, with a meter on its objects and a clock that the meter moves. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { addAgents } from "../benchmarks/agents.ts"
import { ASLEEP_AFTER_MS, Meter, type Counts } from "../costs/count.ts"
import { changePolicies, edit, LISTED_SCOPE, newRobot, REQUESTS, send } from "../costs/kinds.ts"
import type { Lab } from "../lab.ts"
import { buildMetered } from "../servers/build.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import type { PlannedTask } from "./plan.ts"

export interface MeasuredRun {
  readonly counts: Counts
  /** Objects that stored something while the plan ran, by class. */
  readonly objects: Readonly<Record<string, number>>
}

export class Driver implements AsyncDisposable {
  readonly #narrowgate: Narrowgate
  readonly #meter: Meter

  private constructor(narrowgate: Narrowgate) {
    this.#narrowgate = narrowgate
    this.#meter = new Meter(narrowgate)
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
    await this.#meter.pass(ASLEEP_AFTER_MS)
    await this.#meter.report()
    const opened = new Map<PlannedTask, Task>()
    const steps = tasks
      .flatMap((task) => [{ at: task.at, task, kind: null }, ...task.calls.map(({ at, kind }) => ({ at, task, kind }))])
      .toSorted((a, b) => a.at - b.at)
    let [now, requests] = [0, 0]
    for (const { at, task, kind } of steps) {
      if (at > now) await this.#meter.pass(at - now)
      now = Math.max(now, at)
      requests += 1
      const token = opened.get(task)
      if (kind === null)
        opened.set(task, await this.#narrowgate.openTask(task.user, LISTED_SCOPE, { agent: task.agent }))
      else if (token) await send(this.#narrowgate, REQUESTS[kind](this.#narrowgate, token))
    }
    await this.#meter.pass(1_000)
    const objects = await this.#stored()
    await this.#meter.pass(Math.max(0, lastsMs - now))
    return { counts: { ...(await this.#meter.report()), requests }, objects }
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
}
