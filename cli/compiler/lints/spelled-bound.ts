/** Patterns of text that are to be a host, a directory or a domain: `*` also stands for what leads elsewhere. */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import type { ArgumentBounds } from "../../../src/core/catalog/bounds/definition.ts"
import { grantsOf } from "../checks/grants.ts"
import type { Path, Source } from "../source/source.ts"
import type { Problem } from "../source/problem.ts"
import type { Lint } from "./lint.ts"

export const spelledBound: Lint = {
  name: "spelled-bound",
  find: ({ policies: { agents, catalog }, rules }) => [
    ...grantsOf(agents.value).flatMap(({ path, grant }) => inBounds(agents, path, grant.arguments)),
    ...catalog.value.bounds.flatMap((named, index) => inBounds(catalog, ["bounds", index], named.arguments)),
    ...rules.all.flatMap((rule): Problem[] => {
      const conditions = rule.conjuncts.map(({ expression }) => expression)
      const found = rule.isWarned || excludes(conditions) ? null : likesIn(conditions)
      const conjunct = rule.conjuncts.find(({ expression }) => likesIn(expression) !== null)
      if (!found || !conjunct) return []
      const { message, bound } = found
      const fix = `Write a bound of the catalog with \`${bound}\`, and read it as \`context.bounds.NAME\`.`
      return [rule.warning(conjunct, message, fix)]
    }),
  ],
}

function inBounds(source: Source<unknown>, path: Path, bounds: ArgumentBounds): Problem[] {
  return Object.entries(bounds).flatMap(([name, { like }]) => {
    const found = like === undefined ? null : meantBy(like)
    if (!found) return []
    return [source.warning([...path, "arguments", name, "like"], found.message, `Write \`${found.bound}\` instead.`)]
  })
}

interface Meant {
  readonly message: string
  /** The bound that says it. */
  readonly bound: string
}

/** Only what could hardly mean anything else. */
function meantBy(pattern: string): Meant | null {
  const [, scheme, host] = /^(https?|wss?):\/\/(\*\.[^/*]+|[^/*]*)(?:\/|\*|$)/.exec(pattern) ?? []
  if (scheme !== undefined && host !== undefined && pattern.includes("*")) {
    const hosts = host === "" ? "api.example.org" : host
    const schemes = scheme === "https" ? "" : `, schemes: [${scheme}]`
    return meant(pattern, "a URL that leads to another host", `url: { hosts: [${quoted(hosts)}]${schemes} }`)
  }
  const domain = /^\*@((?:\*\.)?[a-z0-9.-]+\.[a-z0-9-]+)$/i.exec(pattern)?.[1]
  if (domain !== undefined) {
    return meant(
      pattern,
      "several addresses, and one that mail hosts send elsewhere",
      `email: [${quoted(domain.toLowerCase())}]`,
    )
  }
  const directory = /^(\/(?:[^/*]+\/)*[^/*]+)\/\*$/.exec(pattern)?.[1]
  return directory === undefined
    ? null
    : meant(pattern, "a path that `..` leads out of it", `path: [${quoted(directory)}]`)
}

const meant = (pattern: string, what: string, bound: string): Meant => ({
  message: `\`${pattern}\` also matches ${what}`,
  bound,
})
const quoted = (text: string): string => (text.startsWith("*") ? JSON.stringify(text) : text)

/** Whether it also says what an argument is not like: then its author knows that one pattern is not enough. */
function excludes(json: unknown): boolean {
  if (Array.isArray(json)) return json.some(excludes)
  if (!isNode(json)) return false
  const not = json["!"]
  return (isNode(not) && isNode(not["arg"]) && isNode(not["arg"]["like"])) || Object.values(json).some(excludes)
}

/** The first such pattern with which an argument is compared. */
function likesIn(json: unknown): Meant | null {
  if (Array.isArray(json)) return firstOf(json)
  if (!isNode(json)) return null
  const { like } = json
  if (isNode(like) && isOfArgument(like["left"])) {
    const found = meantBy(patternText(like["pattern"]))
    if (found) return found
  }
  return firstOf(Object.values(json))
}

function firstOf(parts: readonly unknown[]): Meant | null {
  for (const part of parts) {
    const found = likesIn(part)
    if (found) return found
  }
  return null
}

/** `context.arguments.to`, and what is within it. */
function isOfArgument(json: unknown): boolean {
  const access = isNode(json) ? json["."] : undefined
  if (!isNode(access)) return false
  const { left, attr } = access
  return (attr === "arguments" && isNode(left) && left["Var"] === "context") || isOfArgument(left)
}

/** Of Cedar's JSON: literals and the word `Wildcard`. */
function patternText(parts: unknown): string {
  if (!Array.isArray(parts)) return ""
  return parts.map((part) => (isNode(part) ? String(part["Literal"]) : "*")).join("")
}
