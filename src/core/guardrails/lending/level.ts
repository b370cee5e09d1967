/**
 * The level of a bucket: an integer, in tokens times milliseconds of its span, so that each millisecond adds exactly
 * the limit.
 */
import { lengthOf } from "./span.ts"
import type { LentSpan } from "./lending.ts"

export type LentBucket = Extract<LentSpan, { readonly kind: "bucket" }>

export function tokenUnits(bucket: LentBucket, tokens: number): bigint {
  return BigInt(tokens) * BigInt(lengthOf(bucket))
}

/** Returns whole tokens; negative if a person approved more than there was. */
export function tokensIn(bucket: LentBucket, level: bigint): number {
  return Number(floored(level, lengthOf(bucket)))
}

/** Converts a level to the units of a bucket with another span. A fraction of a token is lost. */
export function inUnitsOf(bucket: LentBucket, before: LentBucket, level: bigint): bigint {
  return floored(level * BigInt(lengthOf(bucket)), lengthOf(before))
}

function floored(units: bigint, length: number): bigint {
  const by = BigInt(length)
  // Division of integers rounds towards zero.
  return units >= 0n ? units / by : (units - by + 1n) / by
}

/** Returns milliseconds until so many tokens are available, without open credit. Null if they never are. */
export function waitFor(bucket: LentBucket, tokens: number, level: bigint, limit: number): number | null {
  return tokens > bucket.burst ? null : flowsIn(tokenUnits(bucket, tokens) - level, limit)
}

/** Returns milliseconds until the bucket is full. Null if it never is. */
export function fullAfter(bucket: LentBucket, level: bigint, limit: number): number | null {
  return flowsIn(tokenUnits(bucket, bucket.burst) - level, limit)
}

function flowsIn(missing: bigint, limit: number): number | null {
  return limit === 0 ? null : Number((missing + BigInt(limit) - 1n) / BigInt(limit))
}
