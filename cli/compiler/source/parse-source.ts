/** Validates a file by its schema; what does not fit becomes problems at the nodes in question. */
import { z } from "zod"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Problem } from "./problem.ts"
import type { ParsedText, Path, Source } from "./source.ts"

export type Parsed<Value> =
  | { readonly ok: true; readonly source: Source<Value> }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export function parseSource<Value>(text: ParsedText, schema: z.ZodType<Value>): Parsed<Value> {
  if (text.problems.length > 0) return { ok: false, problems: text.problems }
  const loop = loopIn(text.source.value)
  // A recursive schema would never end.
  if (loop) return { ok: false, problems: [text.source.error(loop, "this contains itself", "Write it out.")] }
  const result = schema.safeParse(text.source.value, { reportInput: true })
  if (result.success) return { ok: true, source: { ...text.source, value: result.data } }
  const problems = result.error.issues.flatMap((issue) => describe(text.source, schema, issue))
  return { ok: false, problems }
}

/** The path to a value that, by an alias, contains itself. */
function loopIn(value: unknown, path: Path = [], around: readonly unknown[] = []): Path | undefined {
  if (typeof value !== "object" || value === null) return undefined
  if (around.includes(value)) return path
  const members = Object.entries(value).map(([key, member]: [string, unknown]) =>
    loopIn(member, [...path, Array.isArray(value) ? Number(key) : key], [...around, value]),
  )
  return members.find((found) => found !== undefined)
}

function describe(source: Source<unknown>, schema: z.ZodType, issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.filter((step) => typeof step !== "symbol")
  const what = named(path)
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const fix = suggest(key, keysAt(schema, path), "Remove it.")
        return source.keyError([...path, key], `unknown key \`${key}\``, fix)
      })
    case "invalid_type":
      return issue.input === undefined
        ? [source.error(path, `${what} is missing`, `Add it: ${article(issue.expected)}.`)]
        : [source.error(path, `${what} is ${kindOf(issue.input)}`, fixForType(schema, path, issue))]
    case "invalid_value": {
      const words = issue.values.map(String)
      if (issue.input === undefined)
        return [source.error(path, `${what} is missing`, `Add one of: ${words.join(", ")}.`)]
      const input = typeof issue.input === "string" ? issue.input : ""
      const written = input === "" ? kindOf(issue.input) : `\`${input}\``
      return [
        source.error(path, `${what} cannot be ${written}`, suggest(input, words, `Write one of: ${words.join(", ")}.`)),
      ]
    }
    case "too_small":
      return [source.error(path, `${what} is too small`, `Write ${amount(issue.origin)} at least ${issue.minimum}.`)]
    case "too_big":
      return [source.error(path, `${what} is too large`, `Write ${amount(issue.origin)} at most ${issue.maximum}.`)]
    case "invalid_union": {
      const branch = meantBranch(issue.errors)
      if (issue.input === undefined) {
        return [
          source.error(path, `${what} is missing`, "Add it: the documentation of this file has the ways to write it."),
        ]
      }
      if (branch)
        return branch.flatMap((inner) => describe(source, schema, { ...inner, path: [...path, ...inner.path] }))
      return [source.error(path, `${what}${written(issue.input)}: ${issue.message}`, fixFor(issue))]
    }
    case "invalid_key": {
      const [inner] = issue.issues
      return [source.keyError(path, `${what}: ${inner?.message ?? "not a usable key"}`, fixFor(inner))]
    }
    default:
      return [source.error(path, `${what}${written(issue.input)}: ${issue.message}`, fixFor(issue))]
  }
}

/** A text such as `1h` where seconds are a number, and a number such as `10` where a span of time is a text. */
function fixForType(schema: z.ZodType, path: Path, { expected, input }: z.core.$ZodIssueInvalidType): string {
  const [, count = "", unit = ""] = typeof input === "string" ? (/^(\d{1,6}) ?([smhd])$/u.exec(input) ?? []) : []
  if ((expected === "number" || expected === "int") && unit !== "")
    return `Write a number of seconds: \`${Number(count) * (SECONDS[unit] ?? 1)}\`.`
  const text = typeof input === "number" && expected === "string" ? schemaAt(schema, path) : undefined
  const issue = text instanceof z.ZodType ? text.safeParse(String(input)).error?.issues[0] : undefined
  return issue?.code === "custom" ? fixFor(issue) : `Write ${article(expected)}.`
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** Of the forms that a value may have, the one whose shape was written. */
function meantBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const shaped = branches.filter((issues) =>
    issues.every(({ code, path }) => code !== "invalid_type" || path.length > 0),
  )
  return shaped.length === 1 ? shaped[0] : undefined
}

function fixFor(issue: z.core.$ZodIssue | undefined): string {
  const fix = issue?.code === "custom" ? issue.params?.["fix"] : undefined
  return typeof fix === "string" ? fix : "Write a value of the kind that the documentation of this file names."
}

/** `agents[2].ceiling.tools[0]` says where even to a person who sees the message alone. */
function named(path: Path): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
  return text === "" ? "the file" : `\`${text.replace(/^\./u, "")}\``
}

function written(input: unknown): string {
  return typeof input === "string" && input.length <= 120 ? ` (\`${input}\`)` : ""
}

function kindOf(input: unknown): string {
  if (input === null) return "empty"
  if (typeof input === "number" && !Number.isFinite(input)) return "no finite number"
  return Array.isArray(input) ? "a list" : article(typeof input)
}

const ARTICLES: Readonly<Record<string, string>> = {
  array: "a list",
  object: "a map of keys and values",
  record: "a map of keys and values",
  int: "a whole number",
  boolean: "`true` or `false`",
}

function article(kind: string): string {
  return ARTICLES[kind] ?? `a ${kind}`
}

function amount(kind: string): string {
  return kind === "array" ? "entries:" : kind === "string" ? "characters:" : "a number of"
}

/** The keys that the map at `path` may have. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  const found = branchFor(schemaAt(schema, path), "")
  return found instanceof z.ZodObject ? Object.keys(found.shape) : []
}

/** The schema of the value at `path`; undefined if there is none. */
function schemaAt(schema: z.ZodType, path: Path): unknown {
  let at: unknown = schema
  for (const step of path) {
    const inner = branchFor(unwrap(at), step)
    if (inner instanceof z.ZodObject) at = inner.shape[String(step)]
    else if (inner instanceof z.ZodArray) at = inner.element
    else if (inner instanceof z.ZodRecord) at = inner.valueType
    else return undefined
  }
  return unwrap(at)
}

/** Of several forms, the list if an index follows, otherwise the map. */
function branchFor(schema: unknown, step: string | number): unknown {
  if (!(schema instanceof z.ZodUnion)) return schema
  const kind = typeof step === "number" ? z.ZodArray : z.ZodObject
  return schema.options.map(unwrap).find((option) => option instanceof kind)
}

function unwrap(schema: unknown): unknown {
  let at = schema
  while (
    at instanceof z.ZodOptional ||
    at instanceof z.ZodExactOptional ||
    at instanceof z.ZodNullable ||
    at instanceof z.ZodDefault ||
    at instanceof z.ZodLazy
  )
    at = at.unwrap()
  return at
}
