/** Reads the lines of a file of exported records (NDJSON), as export-lines.ts writes them. */
import * as z from "zod"
import { nestsDeeperThan } from "../encoding/json.ts"
import { EXPORT_VERSION } from "./export-lines.ts"

const position = z.number().int().min(0)
/** The last that has a date (ECMA-262, section 21.4.1.1). Milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15

const header = z.strictObject({
  header: z.strictObject({
    version: z.literal(EXPORT_VERSION),
    issuer: z.string(),
    log: z.string(),
    from: position,
    frontier: z.array(z.string()),
  }),
})
const checkpoint = z.strictObject({
  checkpoint: z.strictObject({
    log: z.string(),
    size: position,
    at: position.max(LAST_MOMENT).optional(),
    note: z.string(),
    frontier: z.array(z.string()).optional(),
  }),
})
const footer = z.strictObject({ footer: z.strictObject({ log: z.string(), next: position }) })
const logs = z.strictObject({ logs: z.strictObject({ note: z.string(), keys: z.array(z.string()) }) })
export type HeaderLine = z.infer<typeof header>["header"]
export type CheckpointLine = z.infer<typeof checkpoint>["checkpoint"]
export type FooterLine = z.infer<typeof footer>["footer"]
export type LogsLine = z.infer<typeof logs>["logs"]
export interface RecordLine extends Readonly<Record<string, unknown>> {
  readonly id: string
  readonly log: string
  readonly index: number
  readonly salt?: string
  readonly leaf?: string
}
export type ExportLine =
  | { readonly kind: "header"; readonly header: HeaderLine }
  | { readonly kind: "checkpoint"; readonly checkpoint: CheckpointLine }
  | { readonly kind: "footer"; readonly footer: FooterLine }
  | { readonly kind: "logs"; readonly logs: LogsLine }
  /**
   * `isCanonical`: the line is as a Worker writes it. Another could have a member twice, a number that some readers round
   * or a carriage return that ends a line for some: its hash would not say of all of them what they read.
   */
  | { readonly kind: "record"; readonly record: RecordLine; readonly isCanonical: boolean }

/** @returns null if it is none of them */
export function readLine(line: string): ExportLine | null {
  let value: Members | null
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (nestsDeeperThan(value, DEEPEST)) return null
  const isCanonical = line === JSON.stringify(value)
  // A record has no member of these names.
  for (const [kind, schema] of KINDS) {
    if (!line.startsWith(`{"${kind}"`)) continue
    const { success, data } = schema.safeParse(value)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind is the one of its schema
    return success && isCanonical ? ({ kind, ...data } as ExportLine) : null
  }
  return isRecord(value) ? { kind: "record", record: value, isCanonical } : null
}

/** Deeper than arguments of calls, with what a record has around them. */
export const DEEPEST = 128

type Members = Readonly<Record<string, unknown>>

/**
 * The value itself goes on, because what a schema returns would lack a member named `__proto__`, and because there are a
 * million of them.
 */
function isRecord(value: Members | null): value is RecordLine {
  if (typeof value !== "object" || value === null) return false
  const { id, log, index, salt = "", leaf = "" } = value
  const texts =
    typeof id === "string" && typeof log === "string" && typeof salt === "string" && typeof leaf === "string"
  return texts && typeof index === "number" && Number.isSafeInteger(index) && index >= 0
}
const KINDS = [
  ["header", header],
  ["checkpoint", checkpoint],
  ["footer", footer],
  ["logs", logs],
] as const

/** Whether it can be a line of this kind, without parsing it. */
export const mayBe = (kind: (typeof KINDS)[number][0], line: string): boolean => line.startsWith(`{"${kind}"`)

/** The record as it was stored: its members without those of its place. */
export function storedMembers({ log: _log, index: _index, salt: _salt, leaf: _leaf, ...record }: RecordLine) {
  return record
}
