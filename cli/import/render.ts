/** What an import found and did, for people and as JSON. Names and paths come from the source, so all are escaped. */
import { colors } from "../terminal/colors.ts"
import { escaped } from "../terminal/escape.ts"
import type { FoundTool, Mark } from "./found-tools.ts"
import { SCHEMA, type SchemaChange } from "./schema-text.ts"
import type { Class, Decisions, Differences, NarrowingTool } from "./merge.ts"

export interface ImportResult {
  readonly differences: Differences
  readonly decisions: Decisions
  /** Empty if nothing changes. */
  readonly diff: string
  /** What becomes of the types of arguments in schema.cedarschema. */
  readonly schema: SchemaChange
  readonly isDryRun: boolean
  /** The catalog's name for people. */
  readonly file: string
}

/** `description, inputSchema`. */
export function whatChanged(what: readonly string[], mark: Mark): string {
  if (what.length > 0) return what.join(", ")
  return mark.kind === "pin" ? "the remark at its pin does not say which part" : "its route"
}

/** `takes requests from shop.orders.get`. */
export function takes({ from }: NarrowingTool): string {
  const more = from.length > MOST_NAMES ? ` and ${from.length - MOST_NAMES} more` : ""
  return `takes requests from ${from.slice(0, MOST_NAMES).join(", ")}${more}`
}

const MOST_NAMES = 3

function given({ suggestion }: FoundTool, { action, sensitivity, labels, isLookedAt }: Class): string {
  const words = [action, sensitivity, ...labels].join(" ")
  const hint = [suggestion.action, ...suggestion.labels].join(" ")
  return isLookedAt ? words : `${words}; suggested: ${hint} (${suggestion.because})`
}

export function toldTo(outcome: ImportResult, flags: { readonly replace: string }): string {
  const { differences, decisions, diff, schema, isDryRun, file } = outcome
  const { found, server, added, narrowing, changed, gone, same, warnings } = differences
  const lines = [`${colors.bold(found.prefix)}: ${escaped(found.source)}`]
  const row = (kind: string, what: string, more: string) =>
    lines.push(`  ${kind.padEnd(8)} ${escaped(what, 300)}${more === "" ? "" : `  ${escaped(more, 600)}`}`)
  if (server) row("server", `${server.origin}${server.path}`, server.enforces_headers ? "enforces headers" : "")
  for (const tool of added) {
    const own = decisions.classes.get(tool.name)
    if (own) row("new", tool.name, given(tool, own))
    else row("left out", tool.name, "")
  }
  for (const each of narrowing) {
    const own = decisions.classes.get(each.tool.name)
    const fix = own ? given(each.tool, own) : `not added: look at both; \`${flags.replace}\` adds it`
    row("narrows", each.tool.name, `${takes(each)}; ${fix}`)
    row("", "", `is: ${each.tool.description}`)
  }
  for (const each of changed) {
    const { tool, what, from } = each
    const isTaken = decisions.accepted.has(tool.name)
    const [kind, verb] = what === "unpinned" ? ["unpinned", "pins"] : ["changed", "takes"]
    const parts = what === "unpinned" ? "" : whatChanged(what, tool.mark)
    const fix = isTaken ? "now as it is" : `not taken: look at it; \`${flags.replace}\` ${verb} it as it is`
    row(kind, tool.name, [parts, from.length > 0 ? takes(each) : "", fix].filter((part) => part !== "").join("; "))
    if (what !== "unpinned") row("", "", `now: ${tool.description === "" ? "(no description)" : tool.description}`)
  }
  for (const name of gone)
    row("gone", name, decisions.pruned.has(name) ? "removed" : "still in the catalog; `--prune` removes it")
  for (const { what, why } of found.refused) row("refused", what, why)
  for (const { what, why } of found.skipped) row("skipped", what, why)
  for (const note of [...found.notes, ...schema.notes]) row("note", note, "")
  for (const warning of warnings) row(colors.yellow("warning"), warning, "")
  if (same > 0) row("same", String(same), "")
  const both = [diff, schema.diff].filter((each) => each !== "")
  if (both.length === 0) return [...lines, colors.green(`${file}: nothing to change, not a byte`)].join("\n")
  if (isDryRun) return [...lines, "", ...both.map(coloured), `${file}: not written (--dry-run)`].join("\n")
  const typed = schema.diff === "" ? "" : `; ${SCHEMA} has the types of the arguments`
  return [...lines, colors.green(`${file}: written${typed}`)].join("\n")
}

export function importAsJson({ differences, decisions, diff, schema, isDryRun, file }: ImportResult) {
  const { found, server, added, narrowing, changed, gone, same, warnings } = differences
  const asNew = ({ name, description, suggestion }: FoundTool) => ({
    name,
    description,
    suggested: suggestion,
    given: decisions.classes.get(name) ?? null,
  })
  return {
    ok: !isRefused(differences, decisions),
    file,
    written: (diff !== "" || schema.diff !== "") && !isDryRun,
    source: found.source,
    server,
    new: added.map(asNew),
    narrowing: narrowing.map(({ tool, from }) => Object.assign(asNew(tool), { from })),
    changed: changed.map(({ tool, what, from }) => ({
      name: tool.name,
      what: what === "unpinned" ? ["pinned"] : what,
      from,
      description: tool.description,
      taken: decisions.accepted.has(tool.name),
    })),
    gone: gone.map((name) => ({ name, removed: decisions.pruned.has(name) })),
    refused: found.refused,
    skipped: found.skipped,
    notes: [...found.notes, ...schema.notes],
    warnings,
    same,
    diff,
    schema_diff: schema.diff,
  }
}

/**
 * Whether a tool differs from the one that was added, or takes its requests, and no person has accepted that, or could.
 */
export function isRefused({ found, narrowing, changed }: Differences, { accepted, classes }: Decisions): boolean {
  return (
    found.refused.length > 0 ||
    narrowing.some(({ tool }) => !classes.has(tool.name)) ||
    changed.some(({ tool, what }) => what !== "unpinned" && !accepted.has(tool.name))
  )
}

function coloured(diff: string): string {
  const of = (line: string) =>
    line.startsWith("+")
      ? colors.green
      : line.startsWith("-")
        ? colors.red
        : line.startsWith("@")
          ? colors.cyan
          : String
  return diff
    .split("\n")
    .map((line) => of(line)(line))
    .join("\n")
}
