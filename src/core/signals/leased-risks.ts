/**
 * The risks that the switchboard stores, and how they reach the isolates, in their lease beside switches and
 * observations. Those of tasks are in the tasks' own ledgers.
 */
import * as z from "zod"
import { namesOf } from "../guardrails/history-key.ts"
import { NO_RISKS, type Signal, type ReportedRisk } from "../guardrails/risk.ts"

/** One has half a kilobyte at most, and every lease contains them all. */
export const MAX_RISKS = 10_000
/** Characters of an agent's id, or of a user's issuer and subject. */
export const MAX_RISK_NAME = 512

type Kind = ReportedRisk["kind"]

/** As a lease contains it: kind, name, level, milliseconds, seconds of its half-life. */
export const writtenRisk = z.tuple([z.enum(["agent", "user"]), z.string(), z.number(), z.number(), z.number()])
export type WrittenRisk = z.infer<typeof writtenRisk>

/** Several of one name: what operators have reported of it, and each stream of events. */
export type Risks = Readonly<Record<Kind, ReadonlyMap<string, readonly ReportedRisk[]>>>

/** Null if there are none: then a call has nothing to look up. */
export function readRisks(written: readonly WrittenRisk[]): Risks | null {
  if (written.length === 0) return null
  const risks = { agent: new Map<string, ReportedRisk[]>(), user: new Map<string, ReportedRisk[]>() }
  for (const [kind, name, level, at, halfLife] of written) {
    const leased = { kind, name, signal: { level, at, halfLife } }
    if (!risks[kind].get(name)?.push(leased)) risks[kind].set(name, [leased])
  }
  return risks
}

/** As the list of all risks has it: with its source, if that is a stream of events. */
export type ListedRisk = readonly [...WrittenRisk, source?: string]

export function writeRisk(kind: Kind, name: string, { level, at, halfLife }: Signal): WrittenRisk {
  return [kind, name, level, at, halfLife]
}

/** The risks of the agents and the user of a call. */
export function reportedRisksOf(
  risks: Risks | null,
  agents: readonly string[],
  user: string | null,
): readonly ReportedRisk[] {
  if (!risks) return NO_RISKS
  const ofUser = user === null ? [] : (risks.user.get(user) ?? [])
  return [...ofUser, ...agents.flatMap(namesOf).flatMap((name) => risks.agent.get(name) ?? [])]
}
