/**
 * What is in a bucket: an integer, in tokens times milliseconds of its span, so that what flows in each millisecond is
 * just its limit.
 */
import { lengthOf } from "./span.ts"
import type { LentSpan } from "./lending.ts"

export type LentBucket = Extract<LentSpan, { readonly kind: "bucket" }>

export function tokenUnits(bucket: LentBucket, tokens: number): bigint {
  return BigInt(tokens) * BigInt(lengthOf(bucket))
}

/** Whole ones; negative if more was approved than there was. */
export function tokensIn(bucket: LentBucket, level: bigint): number {
  return Number(floored(level, lengthOf(bucket)))
}

/** The same tokens, of which a bucket of another span has other units; less than one is lost. */
export function inUnitsOf(bucket: LentBucket, before: LentBucket, level: bigint): bigint {
  return floored(level * BigInt(lengthOf(bucket)), lengthOf(before))
}

function floored(units: bigint, length: number): bigint {
  const by = BigInt(length)
  // Division of integers rounds towards zero.
  return units >= 0n ? units / by : (units - by + 1n) / by
}

/** Milliseconds until so many tokens are there, open credit left aside; null: never. */
export function waitFor(bucket: LentBucket, tokens: number, level: bigint, limit: number): number | null {
  return tokens > bucket.burst ? null : flowsIn(tokenUnits(bucket, tokens) - level, limit)
}

/** Milliseconds until it is full; null: never. */
export function fullAfter(bucket: LentBucket, level: bigint, limit: number): number | null {
  return flowsIn(tokenUnits(bucket, bucket.burst) - level, limit)
}

function flowsIn(missing: bigint, limit: number): number | null {
  return limit === 0 ? null : Number((missing + BigInt(limit) - 1n) / BigInt(limit))
}
