/**
 * Carries a scenario out. The attack succeeds against a plain gateway; it fails against Narrowgate, whose record says
 * why; and it succeeds again once the control that ended it is taken out of the policies, so that nothing else had ended
 * it.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect } from "vitest"
import { TaskDenied } from "../../testing/index.ts"
import type { Evidence } from "./evidence.ts"
import type { Demonstration } from "./frameworks/framework.ts"
import { POLICIES, startGuarded, type GuardedWorld } from "./guarded.ts"
import { startPlain, type PlainWorld } from "./plain.ts"
import type { Scenario, Without } from "./scenario.ts"
import { startServices, type Services } from "./services.ts"
import type { World } from "./world.ts"

/** So long that nothing of one scenario counts in the next one: not in a window, nor as a label that is carried. */
const BETWEEN_SCENARIOS = "25 hours"

export class Stage implements AsyncDisposable {
  readonly #services: Services
  readonly #plain: PlainWorld
  readonly #guarded: GuardedWorld
  /** Each scenario is carried out once, however many ids of frameworks it is shown for. */
  readonly #runs = new Map<Demonstration, Promise<void>>()

  private constructor(services: Services, plain: PlainWorld, guarded: GuardedWorld) {
    this.#services = services
    this.#plain = plain
    this.#guarded = guarded
  }

  static async open(): Promise<Stage> {
    const services = await startServices()
    return new Stage(services, await startPlain(services), await startGuarded(services))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#guarded[Symbol.asyncDispose]()
    await this.#plain[Symbol.asyncDispose]()
    await this.#services[Symbol.asyncDispose]()
  }

  async show(scenario: Demonstration): Promise<void> {
    const run = this.#runs.get(scenario) ?? ("holds" in scenario ? this.#hold(scenario) : this.#carryOut(scenario))
    this.#runs.set(scenario, run)
    return run
  }

  async #hold(evidence: Evidence): Promise<void> {
    if (evidence.needsOwnNarrowgate === true) {
      await using own = await startGuarded(this.#services)
      await evidence.holds(own)
    } else {
      await evidence.holds(await this.#shared())
    }
    await this.#breaksWithout(evidence)
  }

  async #breaksWithout(evidence: Evidence): Promise<void> {
    if (evidence.without === null) {
      await using other = await startGuarded(this.#services)
      return await evidence.instead.shows(other)
    }
    const files = await filesWithout(evidence.without)
    if (evidence.problem !== undefined)
      return expect(startGuarded(this.#services, files)).rejects.toThrow(evidence.problem)
    await using uncontrolled = await startGuarded(this.#services, files)
    const failure: unknown = await evidence.holds(uncontrolled).then(
      () => null,
      (error: unknown) => error,
    )
    // Any other expectation that fails, and any other error, shows nothing.
    const message = expect.stringContaining(`${evidence.fails}: `)
    expect(failure, `without ${evidence.control}`).toMatchObject({ name: "AssertionError", message })
  }

  async #carryOut(scenario: Scenario): Promise<void> {
    expect(await this.#isReachedIn(this.#plain, scenario), "against a plain gateway").toBe(true)
    if (scenario.needsOwnNarrowgate === true) {
      await using own = await startGuarded(this.#services)
      await this.#fails(own, scenario)
      return await this.#succeedsWithout(own, scenario)
    }
    const shared = await this.#shared()
    await this.#fails(shared, scenario)
    return this.#succeedsWithout(shared, scenario)
  }

  /** The world that most scenarios share, without what an earlier one has left behind, which may have failed. */
  async #shared(): Promise<GuardedWorld> {
    await this.#guarded.denials()
    await this.#guarded.pass(BETWEEN_SCENARIOS)
    return this.#guarded
  }

  async #fails(guarded: GuardedWorld, scenario: Scenario): Promise<void> {
    await scenario.work(guarded)
    expect(await guarded.denials(), "legitimate work").toEqual([])
    expect(await this.#isReachedIn(guarded, scenario), "against Narrowgate").toBe(false)
    const { times = 1, ...denied } = scenario.denied
    const records = await guarded.denials()
    expect(records, "the records").toContainEqual(expect.objectContaining(denied))
    const expected = records.filter(({ code, reason }) => code === denied.code && reason === denied.reason)
    expect(expected.length, "how many are denied").toBeGreaterThanOrEqual(times)
  }

  async #succeedsWithout(guarded: GuardedWorld, scenario: Scenario): Promise<void> {
    if (scenario.without === null) {
      const { words, attack } = scenario.instead
      await guarded.pass(BETWEEN_SCENARIOS)
      return expect(await this.#isReachedIn(guarded, { ...scenario, attack }), words).toBe(true)
    }
    await using uncontrolled = await startGuarded(this.#services, await filesWithout(scenario.without))
    expect(await this.#isReachedIn(uncontrolled, scenario), `without ${scenario.control}`).toBe(true)
  }

  async #isReachedIn(world: World, { attack, isReached }: Pick<Scenario, "attack" | "isReached">): Promise<boolean> {
    const { servedRequests } = this.#services
    const before = servedRequests.length
    try {
      await attack(world)
    } catch (error) {
      if (!(error instanceof TaskDenied)) throw error
    }
    return isReached(servedRequests.slice(before))
  }
}

async function filesWithout(without: Without): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  for (const [file, change] of Object.entries(without)) {
    const text = await readFile(join(POLICIES, file), "utf8")
    files[file] = change(text)
    expect(files[file], `${file} without the control`).not.toBe(text)
  }
  return files
}
