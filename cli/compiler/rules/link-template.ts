/** A template with its slots filled is a rule like any other: the evaluator of the Worker has no templates. */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import type { LinksFile } from "../schema/links.ts"

export type Link = LinksFile["links"][number]
type Part = "principal" | "resource"

const PARTS = ["principal", "resource"] as const

/** The parts of a scope that may have a slot. Cedar allows none elsewhere. */
export function slotsOf(policy: Readonly<Record<string, unknown>>): readonly Part[] {
  return PARTS.filter((part) => hasSlot(policy[part]))
}

function hasSlot(scope: unknown): boolean {
  return isNode(scope) && (scope.slot !== undefined || hasSlot(scope.in))
}

/** @param link has exactly the slots of the template */
export function linked(policy: Readonly<Record<string, unknown>>, link: Link): Readonly<Record<string, unknown>> {
  const filled = PARTS.map((part) => [part, fill(policy[part], link[part])] as const)
  return { ...policy, ...Object.fromEntries(filled), annotations: { ...annotationsOf(policy), id: link.id } }
}

function fill(scope: unknown, entity: Link[Part]): unknown {
  if (!isNode(scope)) return scope
  const { slot, in: within, ...rest } = scope
  return {
    ...rest,
    ...(within === undefined ? {} : { in: fill(within, entity) }),
    ...(slot === undefined ? {} : { entity }),
  }
}

function annotationsOf({ annotations }: Readonly<Record<string, unknown>>): object {
  return isNode(annotations) ? annotations : {}
}
