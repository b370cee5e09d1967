/** Reads the lines of a file of exported records (NDJSON), as export-lines.ts writes them. */
import * as z from "zod"
import { nestsDeeperThan } from "../encoding/json.ts"
import { scanJson, UNBOUNDED, type ScanRules } from "../encoding/json-scan.ts"
import { EXPORT_VERSION } from "./export-lines.ts"

const position = z.number().int().min(0)
/** The last that has a date (ECMA-262, section 21.4.1.1). Milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15

const header = z.object({
  header: z.object({
    version: z.literal(EXPORT_VERSION),
    issuer: z.string(),
    log: z.string(),
    from: position,
    frontier: z.array(z.string()),
  }),
})
const checkpoint = z.object({
  checkpoint: z.object({
    log: z.string(),
    size: position,
    at: position.max(LAST_MOMENT).optional(),
    note: z.string(),
    frontier: z.array(z.string()).optional(),
  }),
})
const footer = z.object({ footer: z.object({ log: z.string(), next: position }) })
export type HeaderLine = z.infer<typeof header>["header"]
export type CheckpointLine = z.infer<typeof checkpoint>["checkpoint"]
export type FooterLine = z.infer<typeof footer>["footer"]
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
  /** `isPlain`: all readers read the same from the line, so that its hash says of all of them what they read. */
  | { readonly kind: "record"; readonly record: RecordLine; readonly isPlain: boolean }

/** @returns null if it is none of them */
export function readLine(line: string): ExportLine | null {
  let value: Members | null
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (nestsDeeperThan(value, DEEPEST)) return null
  // A record has no member of these names.
  for (const [kind, schema] of KINDS) {
    if (!line.startsWith(`{"${kind}"`)) continue
    const { success, data } = schema.safeParse(value)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind is the one of its schema
    return success ? ({ kind, ...data } as ExportLine) : null
  }
  return isRecord(value) ? { kind: "record", record: value, isPlain: isPlain(line, value) } : null
}

/** No member twice, of which readers take the first or the last; no number that some of them round. */
function isPlain(line: string, value: RecordLine): boolean {
  // As a Worker writes it.
  return line === JSON.stringify(value) || typeof scanJson(line, Infinity, ALIKE) !== "string"
}
const ALIKE: ScanRules = { ...UNBOUNDED, mostDepth: Infinity, numbers: "exact" }

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
] as const

/** Whether it can be a checkpoint, without parsing it. */
export const mayBeCheckpoint = (line: string): boolean => line.startsWith('{"checkpoint"')

/** The record as it was stored: its members without those of its place. */
export function storedMembers({ log: _log, index: _index, salt: _salt, leaf: _leaf, ...record }: RecordLine) {
  return record
}
