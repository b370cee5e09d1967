/**
 * Real readers of queries: what each makes of a query is data in recorded.json, so that tests go by it where the reader
 * is not installed. `npm run record:readers` records those that are.
 */
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { parse } from "node:querystring"
import { PYTHON } from "../../../dev/python.ts"

/** Null: the reader refuses the query. */
export type Reading = Readonly<Record<string, unknown>> | null
/** Null: the reader is not installed here. */
type Reader = (queries: readonly string[]) => readonly Reading[] | null

export const READERS: Readonly<Record<string, Reader>> = {
  URLSearchParams: (queries) => queries.map((query) => grouped([...new URLSearchParams(query)])),
  "node:querystring": (queries) => queries.map((query) => ({ ...parse(query) })),
  qs: byQs({}),
  "qs, allowDots": byQs({ allowDots: true }),
  php: byProgram("php", ["-d", "display_errors=0", "read.php"]),
  rack: byProgram("ruby", ["read.rb"]),
  urllib: byProgram(PYTHON, ["read.py", "urllib"]),
  werkzeug: byProgram(PYTHON, ["read.py", "werkzeug"]),
  django: byProgram(PYTHON, ["read.py", "django"]),
  go: byProgram("go", ["run", "read.go"]),
  spring: (queries) => queries.map(bySpring),
}

function byProgram(program: string, args: readonly string[]): Reader {
  return (queries) => {
    const { status, stdout } = spawnSync(program, args, {
      cwd: import.meta.dirname,
      input: queries.map((query) => `${query}\n`).join(""),
      encoding: "utf8",
      maxBuffer: 2 ** 26,
    })
    if (status !== 0) return null
    return stdout
      .trimEnd()
      .split("\n")
      .map((line): Reading => {
        const read: unknown = JSON.parse(line)
        return typeof read === "object" && read !== null && !Array.isArray(read) ? { ...read } : null
      })
  }
}

/** Express before its fifth version, and many others; it is there as a part of the MCP SDK. */
function byQs(options: object): Reader {
  return (queries) => {
    const require = createRequire(import.meta.filename)
    const name: string = "qs"
    let qs: { readonly parse: (query: string, options: object) => object }
    try {
      qs = require(name)
    } catch {
      return null
    }
    return queries.map((query) => ({ ...qs.parse(query, options) }))
  }
}

/**
 * A bean with the text properties `to`, `to_x`, `amount`, as Spring binds it: rules from its documentation of
 * WebDataBinder (field markers `_`, field defaults `!`) and of BeanWrapper (nested properties by `.` and `[]`).
 */
function bySpring(query: string): Reading {
  const sent = grouped([...new URLSearchParams(query)])
  const bean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(sent)) {
    const [, property, nested] = /^(to_x|to|amount)((?:\.|\[).*)?$/u.exec(name) ?? []
    if (property !== undefined) bean[property] = nested === undefined ? value : { [nested]: value }
  }
  for (const property of ["to", "to_x", "amount"]) {
    if (sent[`!${property}`] !== undefined) bean[property] ??= sent[`!${property}`]
    if (sent[`_${property}`] !== undefined) bean[property] ??= ""
  }
  return bean
}

function grouped(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, unknown>> {
  const all = Map.groupBy(pairs, ([name]) => name)
  return Object.fromEntries(
    Array.from(all, ([name, values]) => [
      name,
      values.length === 1 ? values[0]?.[1] : values.map(([, value]) => value),
    ]),
  )
}
