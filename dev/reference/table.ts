/** Markdown, laid out as the formatter does it, so that what is generated needs no formatting. */
import { z } from "zod"

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? "").length)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`
  const [first = [], ...rest] = cells
  return [line(first), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest.map(line)].join("\n")
}

export const code = (text: string): string => `\`${text}\``

/** The anchor that GitHub makes from a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")

interface JsonSchema {
  readonly type?: string | readonly string[] | undefined
  readonly enum?: readonly unknown[] | undefined
  readonly anyOf?: readonly JsonSchema[] | undefined
  readonly items?: unknown
}

/** What a value of the schema is, in words. */
export function typeName(schema: z.ZodType): string {
  const described: JsonSchema = z.toJSONSchema(schema, { unrepresentable: "any", io: "input" })
  return nameOf(described)
}

function nameOf({ type, enum: values, anyOf, items }: JsonSchema): string {
  if (anyOf) return anyOf.map(nameOf).join(" or ")
  if (values) return values.map((value) => code(String(value))).join(", ")
  if (typeof type === "object") return type.join(" or ")
  if (type !== "array") return type ?? "object"
  const item = typeof items === "object" && items !== null ? nameOf(items) : "object"
  return `list of ${item}s`
}
