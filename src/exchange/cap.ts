/**
 * The meet of two requests for a grant: what is asked for, within what somebody else has allowed to be asked. Exact: a
 * pattern is a prefix or a name, so of two the narrower one is their meet, or there is none.
 */
import { formatScope, patternCovers, type Scope } from "../catalog/pattern.ts"
import { sensitivityRank, type Sensitivity } from "../catalog/tool.ts"
import type { ArgumentBound, ArgumentBounds } from "./bounds.ts"
import type { Asked } from "./grant.ts"

/** @returns null where nothing is left, or where what is left cannot be said */
export function capAsked(asked: Asked, cap: Asked): Asked | null {
  const scopes = meetOfScopes(asked.scopes, cap.scopes)
  const bounds = meetOfAllBounds(asked.bounds, cap.bounds)
  if (scopes?.length === 0 || !bounds) return null
  return {
    scopes,
    bounds,
    maxSensitivity: lower(asked.maxSensitivity, cap.maxSensitivity),
    calls: asked.calls === null || cap.calls === null ? (asked.calls ?? cap.calls) : Math.min(asked.calls, cap.calls),
  }
}

function meetOfScopes(asked: readonly Scope[] | null, cap: readonly Scope[] | null): readonly Scope[] | null {
  if (!asked || !cap) return asked ?? cap
  const meets = asked.flatMap((one) => cap.flatMap((other) => meetOf(one, other) ?? []))
  return [...new Map(meets.map((scope) => [formatScope(scope), scope])).values()]
}

function meetOf(one: Scope, other: Scope): Scope | null {
  if (one.action !== other.action) return null
  if (patternCovers(other.pattern, one.pattern)) return one
  return patternCovers(one.pattern, other.pattern) ? other : null
}

function lower(one: Sensitivity | null, other: Sensitivity | null): Sensitivity | null {
  if (one === null || other === null) return one ?? other
  return sensitivityRank(one) <= sensitivityRank(other) ? one : other
}

function meetOfAllBounds(one: ArgumentBounds, other: ArgumentBounds): ArgumentBounds | null {
  const all = new Map(Object.entries(one))
  for (const [argument, bound] of Object.entries(other)) {
    const known = all.get(argument)
    const met = known ? meetOfBounds(known, bound) : bound
    if (!met) return null
    all.set(argument, met)
  }
  return Object.fromEntries(all)
}

/** Null where no value keeps both, or where both want a pattern: two of them cannot be said as one. */
function meetOfBounds(one: ArgumentBound, other: ArgumentBound): ArgumentBound | null {
  if (one.eq !== undefined && other.eq !== undefined && one.eq !== other.eq) return null
  if (one.like !== undefined && other.like !== undefined && one.like !== other.like) return null
  const allowed = one.in && other.in ? one.in.filter((value) => other.in?.includes(value)) : (one.in ?? other.in)
  if (allowed?.length === 0) return null
  const min = pick(Math.max, one.min, other.min)
  const max = pick(Math.min, one.max, other.max)
  const max_length = pick(Math.min, one.max_length, other.max_length)
  return {
    ...one,
    ...other,
    ...(allowed ? { in: allowed } : {}),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(max_length === undefined ? {} : { max_length }),
  }
}

function pick(
  choose: (one: number, other: number) => number,
  one: number | undefined,
  other: number | undefined,
): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : choose(one, other)
}
