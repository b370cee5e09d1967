/**
 * What the switchboard keeps of risks, and how it crosses to the isolates, in their lease beside switches and
 * observations. Those of tasks rest in the tasks' own ledgers.
 */
import * as z from "zod"
import { NOTHING_TOLD, type Signal, type ToldRisk } from "../guardrails/risk.ts"

/** One is half a kilobyte at most, and every lease has them all. */
export const MAX_RISKS = 10_000
/** Characters of an agent's id, or of a user's issuer and subject. */
export const MAX_NAME = 512

type Kind = ToldRisk["kind"]

/** As a lease carries it: kind, name, level, milliseconds, seconds of its half-life. */
export const writtenRisk = z.tuple([z.enum(["agent", "user"]), z.string(), z.number(), z.number(), z.number()])
export type WrittenRisk = z.infer<typeof writtenRisk>

/** Of one name several: what operators told of it, and each stream of events. */
export type Risks = Readonly<Record<Kind, ReadonlyMap<string, readonly ToldRisk[]>>>

/** Null where there are none: then there is nothing to look up on the way of a call. */
export function readRisks(written: readonly WrittenRisk[]): Risks | null {
  if (written.length === 0) return null
  const risks = { agent: new Map<string, ToldRisk[]>(), user: new Map<string, ToldRisk[]>() }
  for (const [kind, name, level, at, halfLife] of written) {
    const leased = { kind, name, signal: { level, at, halfLife } }
    if (!risks[kind].get(name)?.push(leased)) risks[kind].set(name, [leased])
  }
  return risks
}

/** As the list of all has it: with its source, where that is a stream of events. */
export type ListedRisk = readonly [...WrittenRisk, source?: string]

export function writeRisk(kind: Kind, name: string, { level, at, halfLife }: Signal): WrittenRisk {
  return [kind, name, level, at, halfLife]
}

/** What was told of those that a call is made by and for. */
export function toldOf(risks: Risks | null, agents: readonly string[], user: string | null): readonly ToldRisk[] {
  if (!risks) return NOTHING_TOLD
  const ofUser = user === null ? [] : (risks.user.get(user) ?? [])
  return [...ofUser, ...agents.flatMap((agent) => risks.agent.get(agent) ?? [])]
}
