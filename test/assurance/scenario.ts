/**
 * An attack, and what ends it. It succeeds against a plain gateway; it fails against Narrowgate, whose record tells why;
 * and it succeeds again once the control that ended it is taken out of the policies, so that nothing else had ended it.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect } from "vitest"
import { startGuarded } from "./guarded.ts"
import { startPlain } from "./plain.ts"
import { startServices, type Services } from "./services.ts"
import { Refused, type Deed, type World } from "./world.ts"

export interface Scenario {
  /** A sentence that says what the attacker does. */
  readonly name: string
  /** Words: which control ends it, as the pages say it. */
  readonly control: string
  /** What the same agent may well do. It runs first, and nothing of it may be denied. */
  readonly work: (world: World) => Promise<void>
  /** Carries the attack out, as far as it gets. */
  readonly attack: (world: World) => Promise<void>
  /** Whether the attacker has what they wanted, by what was done during the attack. */
  readonly isReached: (deeds: readonly Deed[]) => boolean
  /** A denial that the records must have. */
  readonly denied: { readonly code: string; readonly reason: string }
  /** Takes the control out. */
  readonly without: Without
}

/** By file of the policies: its text without the control. */
export type Without = Readonly<Record<string, (text: string) => string>>

const POLICIES = "test/assurance/policies"

/** Each scenario is carried out once, however many ids of frameworks it is shown for. */
const shown = new Map<Scenario, Promise<void>>()

export async function show(scenario: Scenario): Promise<void> {
  const known = shown.get(scenario) ?? carryOut(scenario)
  shown.set(scenario, known)
  return known
}

async function carryOut(scenario: Scenario): Promise<void> {
  await using services = await startServices()
  await using plain = await startPlain(services)
  expect(await isReachedIn(plain, scenario, services), "against a plain gateway").toBe(true)

  await using guarded = await startGuarded(services)
  await scenario.work(guarded)
  expect(await guarded.denials(), "honest work").toEqual([])
  expect(await isReachedIn(guarded, scenario, services), "against Narrowgate").toBe(false)
  const { code, reason } = scenario.denied
  expect(await guarded.denials(), "the records").toContainEqual(expect.objectContaining({ code, reason }))

  await using without = await startGuarded(services, await filesWithout(scenario.without))
  expect(await isReachedIn(without, scenario, services), `without ${scenario.control}`).toBe(true)
}

async function isReachedIn(world: World, { attack, isReached }: Scenario, { deeds }: Services): Promise<boolean> {
  const before = deeds.length
  try {
    await attack(world)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
  }
  return isReached(deeds.slice(before))
}

/** The files of the policies that have changed by this. */
export async function filesWithout(without: Without): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  for (const [file, change] of Object.entries(without)) {
    const text = await readFile(join(POLICIES, file), "utf8")
    files[file] = change(text)
    expect(files[file], `${file} without the control`).not.toBe(text)
  }
  return files
}

/** The text without this rule of Cedar, or with nothing that was not there: for `without`. */
export const withoutRule =
  (id: string) =>
  (text: string): string => {
    const begin = text.indexOf(`@id("${id}")`)
    return begin < 0 ? text : text.slice(0, begin) + text.slice(text.indexOf(";", begin) + 1)
  }

/** For `without`: one text instead of another. */
export const replacing =
  (before: string, after: string) =>
  (text: string): string =>
    text.replace(before, after)
