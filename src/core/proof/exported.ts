/**
 * The lines of a file of exported records (NDJSON). A section begins with a header, which says where the tree of its log
 * stood, and ends with a footer; a file has a section for each log, and another one behind each gap.
 */
import * as z from "zod"

const position = z.number().int().min(0)

export const EXPORT_VERSION = 1

const header = z.object({
  header: z.object({
    version: z.literal(EXPORT_VERSION),
    issuer: z.string(),
    log: z.string(),
    from: position,
    /** Roots of the full subtrees before `from`, in base64; empty at 0. */
    frontier: z.array(z.string()),
  }),
})
const checkpoint = z.object({ checkpoint: z.object({ log: z.string(), size: position, note: z.string() }) })
const footer = z.object({ footer: z.object({ log: z.string(), next: position }) })
const record = z.looseObject({
  id: z.string(),
  log: z.string(),
  index: position,
  salt: z.string().optional(),
  leaf: z.string().optional(),
})

export type HeaderLine = z.infer<typeof header>["header"]
export type CheckpointLine = z.infer<typeof checkpoint>["checkpoint"]
export type FooterLine = z.infer<typeof footer>["footer"]
export type RecordLine = z.infer<typeof record>
export type ExportLine =
  | { readonly kind: "header"; readonly header: HeaderLine }
  | { readonly kind: "checkpoint"; readonly checkpoint: CheckpointLine }
  | { readonly kind: "footer"; readonly footer: FooterLine }
  | { readonly kind: "record"; readonly record: RecordLine }

/** @returns null if it is none of them */
export function readLine(line: string): ExportLine | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  // A record has no member of these names.
  for (const [kind, schema] of KINDS) {
    if (!line.startsWith(`{"${kind}"`)) continue
    const { success, data } = schema.safeParse(value)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind is the one of its schema
    return success ? ({ kind, ...data } as ExportLine) : null
  }
  return isRecord(value) ? { kind: "record", record: value } : null
}

/** The value itself goes on, because what a schema returns would lack a member named `__proto__`. */
function isRecord(value: unknown): value is RecordLine {
  return record.safeParse(value).success
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
