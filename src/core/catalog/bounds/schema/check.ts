/** What the parts of a compiled schema have in common, and how its keywords read what they are given. */
import { isObject } from "../../../encoding/json.ts"
import type { Work } from "../../../encoding/work.ts"
import { automatonOf, PatternFault, type Automaton } from "./regular-expression.ts"

/** What a validation draws from, and which members of which objects a part of the schema that holds has named. */
export interface Run {
  readonly work: Work
  readonly named: { readonly object: object; readonly member: string }[]
}

/** Returns where the schema does not hold, as a JSON Pointer into it; null if it holds. */
export type Check = (value: unknown, run: Run) => string | null

export class SchemaFault extends Error {}

/** One part of a schema, and what stands beside it. */
export interface Place {
  readonly at: string
  readonly siblings: Readonly<Record<string, unknown>>
  readonly part: (schema: unknown, at: string) => Check
}

export const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1")

export function patternOf(operand: unknown, at: string): Automaton {
  if (typeof operand !== "string") throw new SchemaFault(`${at} is no text`)
  try {
    return automatonOf(operand)
  } catch (error) {
    if (error instanceof PatternFault) throw new SchemaFault(`the pattern at ${at} cannot be used: ${error.message}`)
    throw error
  }
}

export function number(operand: unknown, at: string): number {
  if (typeof operand !== "number" || !Number.isFinite(operand)) throw new SchemaFault(`${at} is no number`)
  return operand
}

export function count(operand: unknown, at: string): number {
  const limit = number(operand, at)
  if (!Number.isInteger(limit) || limit < 0) throw new SchemaFault(`${at} is no whole number from 0`)
  return limit
}

export function list(operand: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(operand)) throw new SchemaFault(`${at} is no list`)
  return operand
}

export function texts(operand: unknown, at: string): readonly string[] {
  return list(operand, at).map((each) => {
    if (typeof each !== "string") throw new SchemaFault(`${at} is no list of names`)
    return each
  })
}

export function members(operand: unknown, at: string): Readonly<Record<string, unknown>> {
  if (!isObject(operand)) throw new SchemaFault(`${at} is no object`)
  return operand
}
