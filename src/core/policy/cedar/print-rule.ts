/**
 * A rule as people read it: the JSON policy format of the bundle, written in Cedar's own grammar. It shows what is
 * evaluated, without the comments and the layout of the original file. Source: Cedar documentation, "Grammar
 * specification for Cedar policy syntax".
 */
import { isNode, readList, readNode, readOperator, readText, type Node } from "./est.ts"
import { LONG, readUid } from "./values/cedar-json.ts"
import type { LoweredRule } from "./lowered.ts"
import type { Scope } from "./scope.ts"
import { hasUnseen } from "../../encoding/display-text.ts"

/** Precedence: a part with lower precedence than its place requires gets parentheses. */
const LEVEL = { lowest: 0, or: 1, and: 2, relation: 3, sum: 4, product: 5, unary: 6, member: 7 } as const
type Level = (typeof LEVEL)[keyof typeof LEVEL]

interface PrintedRule {
  readonly text: string
  readonly level: Level
}

/** Throws UnsupportedOperator (est.ts) on what no build admits into a bundle. */
export function writeRule({ id, remedy, message, policy }: LoweredRule, scope: Scope): string {
  const { effect, conditions } = readNode(policy, id, "policy")
  const annotations = Object.entries({ id, remedy, message }).flatMap(([name, text]) =>
    text === undefined ? [] : [`@${name}(${quoted(text)})`],
  )
  const head = `${readText(effect, id, "policy")} (\n  ${[
    scopeOf("principal", scope.principal),
    scopeOf("action", scope.action),
    scopeOf("resource", scope.resource),
  ].join(",\n  ")}\n)`
  const bodies = readList(conditions ?? [], id, "policy").map((condition) => {
    const { kind, body } = readNode(condition, id, "condition")
    return `${readText(kind, id, "condition")} {\n  ${writeBody(body, id)}\n}`
  })
  return [...annotations, [head, ...bodies].join("\n")].join("\n").concat(";")
}

/** @param keys as scope.ts files them */
function scopeOf(variable: string, keys: readonly string[]): string {
  const [key, ...others] = keys.map(withCedarsEscapes)
  if (key === undefined) return `${variable} in []`
  if (others.length > 0)
    return `${variable} in [${[key, ...others].map((each) => each.slice("in ".length)).join(", ")}]`
  if (key === "any") return variable
  const [, type, group] = /^is-in (\S+) (.+)$/s.exec(key) ?? []
  return type === undefined || group === undefined ? `${variable} ${key}` : `${variable} is ${type} in ${group}`
}

/** The id in the key of an entity is JSON, whose escapes differ from Cedar's. */
function withCedarsEscapes(key: string): string {
  return key.replace(/"(?:[^"\\]|\\.)*"$/s, (id) => quoted(String(JSON.parse(id))))
}

/** In a chain longer than this, each part gets a line of its own. */
const LINE = 72

function writeBody(body: unknown, rule: string): string {
  const { text } = write(body, rule)
  if (text.length <= LINE) return text
  const operator = isNode(body) && "&&" in body ? "&&" : "||"
  const part = operator === "&&" ? LEVEL.relation : LEVEL.and
  return chainOf(body, operator, rule)
    .map((each) => within(each, part, rule))
    .join(` ${operator}\n  `)
}

/** `a && b && c` is `(a && b) && c`. */
function chainOf(expression: unknown, operator: string, rule: string): readonly unknown[] {
  if (!isNode(expression) || !(operator in expression)) return [expression]
  const { left, right } = readNode(expression[operator], rule, operator)
  return [...chainOf(left, operator, rule), right]
}

const BINARY: ReadonlyMap<string, readonly [level: Level, left: Level, right: Level]> = new Map([
  ["||", [LEVEL.or, LEVEL.or, LEVEL.and]],
  ["&&", [LEVEL.and, LEVEL.and, LEVEL.relation]],
  ...["==", "!=", "<", "<=", ">", ">=", "in"].map((operator): [string, readonly [Level, Level, Level]] => [
    operator,
    [LEVEL.relation, LEVEL.sum, LEVEL.sum],
  ]),
  ["+", [LEVEL.sum, LEVEL.sum, LEVEL.product]],
  ["-", [LEVEL.sum, LEVEL.sum, LEVEL.product]],
  ["*", [LEVEL.product, LEVEL.product, LEVEL.unary]],
])
/** Written as methods of their left operand. */
const METHODS: ReadonlySet<string> = new Set(["contains", "containsAll", "containsAny", "hasTag", "getTag"])
/** Functions of extensions that are not methods of their first argument. */
const CONSTRUCTORS: ReadonlySet<string> = new Set(["ip", "decimal", "datetime", "duration"])

function write(expression: unknown, rule: string): PrintedRule {
  const [operator, operands] = readOperator(expression, rule)
  const binary = BINARY.get(operator)
  if (binary) {
    const [level, left, right] = binary
    const pair = readNode(operands, rule, operator)
    return { text: `${within(pair.left, left, rule)} ${operator} ${within(pair.right, right, rule)}`, level }
  }
  if (METHODS.has(operator)) {
    const pair = readNode(operands, rule, operator)
    return member(`${within(pair.left, LEVEL.member, rule)}.${operator}(${write(pair.right, rule).text})`)
  }
  const form = FORMS.get(operator)
  if (form) return form(operands, rule)
  return writeCall(operator, readList(operands, rule, operator), rule)
}

/** A part, with the precedence that its place requires. */
function within(expression: unknown, level: Level, rule: string): string {
  const written = write(expression, rule)
  return written.level < level ? `(${written.text})` : written.text
}

const member = (text: string): PrintedRule => ({ text, level: LEVEL.member })

type Form = (operands: unknown, rule: string) => PrintedRule

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["Value", (json) => writeLiteral(json)],
  ["Var", (name, rule) => member(readText(name, rule, "variable"))],
  ["!", (operand, rule) => unary("!", operand, rule)],
  ["neg", (operand, rule) => unary("-", operand, rule)],
  ["isEmpty", (operand, rule) => member(`${within(argOf(operand, rule), LEVEL.member, rule)}.isEmpty()`)],
  [".", writeAttribute],
  ["has", writeHas],
  ["is", writeIs],
  ["like", writeLike],
  ["if-then-else", writeIf],
  ["Set", (items, rule) => member(`[${texts(readList(items, rule, "Set"), rule)}]`)],
  ["Record", writeRecord],
])

const argOf = (operand: unknown, rule: string): unknown => readNode(operand, rule, "operand").arg
const texts = (items: readonly unknown[], rule: string): string =>
  items.map((item) => write(item, rule).text).join(", ")

/** The minus of a number is part of it; one before parentheses is not. */
function unary(sign: string, operand: unknown, rule: string): PrintedRule {
  const arg = argOf(operand, rule)
  const isNumber = sign === "-" && isNode(arg) && "Value" in arg
  const text = isNumber ? `(${write(arg, rule).text})` : within(arg, LEVEL.member, rule)
  return { text: `${sign}${text}`, level: LEVEL.unary }
}

function writeAttribute(operands: unknown, rule: string): PrintedRule {
  const { left, attr } = readNode(operands, rule, ".")
  const name = readText(attr, rule, ".")
  return member(`${within(left, LEVEL.member, rule)}${isName(name) ? `.${name}` : `[${quoted(name)}]`}`)
}

function writeHas(operands: unknown, rule: string): PrintedRule {
  const { left, attr } = readNode(operands, rule, "has")
  const names = (Array.isArray(attr) ? readList(attr, rule, "has") : [attr]).map((name) => readText(name, rule, "has"))
  const path = names.every(isName) ? names.join(".") : names.map(quoted).join(".")
  return { text: `${within(left, LEVEL.sum, rule)} has ${path}`, level: LEVEL.relation }
}

function writeIs(operands: unknown, rule: string): PrintedRule {
  const parts = readNode(operands, rule, "is")
  const group = parts.in === undefined ? "" : ` in ${within(parts.in, LEVEL.sum, rule)}`
  const type = readText(parts.entity_type, rule, "is")
  return { text: `${within(parts.left, LEVEL.sum, rule)} is ${type}${group}`, level: LEVEL.relation }
}

function writeLike(operands: unknown, rule: string): PrintedRule {
  const { left, pattern } = readNode(operands, rule, "like")
  const parts = readList(pattern, rule, "like").map((part) =>
    part === "Wildcard" ? "*" : inQuotes(readText(readNode(part, rule, "like").Literal, rule, "like"), true),
  )
  return { text: `${within(left, LEVEL.sum, rule)} like "${parts.join("")}"`, level: LEVEL.relation }
}

function writeIf(operands: unknown, rule: string): PrintedRule {
  const parts = readNode(operands, rule, "if-then-else")
  const [test, then, otherwise] = [parts.if, parts.then, parts.else].map((part) => write(part, rule).text)
  return { text: `if ${test} then ${then} else ${otherwise}`, level: LEVEL.lowest }
}

function writeRecord(operands: unknown, rule: string): PrintedRule {
  const members = Object.entries(readNode(operands, rule, "Record"))
  return member(`{${members.map(([name, item]) => `${quoted(name)}: ${write(item, rule).text}`).join(", ")}}`)
}

function writeCall(name: string, args: readonly unknown[], rule: string): PrintedRule {
  const [first, ...others] = args
  if (CONSTRUCTORS.has(name)) return member(`${name}(${texts(args, rule)})`)
  return member(`${within(first, LEVEL.member, rule)}.${name}(${texts(others, rule)})`)
}

/** Integers come as numbers, or as texts if a number would lose digits (cedar-json.ts). */
function writeLiteral(json: unknown): PrintedRule {
  if (typeof json === "string") return member(quoted(json))
  if (typeof json !== "object" || json === null) return member(String(json))
  if (Array.isArray(json)) return member(`[${json.map((item: unknown) => writeLiteral(item).text).join(", ")}]`)
  if (!isNode(json)) return member(JSON.stringify(json))
  const uid = readUid(json.__entity)
  if (uid) return member(`${uid.type}::${quoted(uid.id)}`)
  return writeOther(json)
}

function writeOther(json: Node): PrintedRule {
  const { __extn: extension } = json
  if (isNode(extension)) {
    const { fn, arg } = extension
    if (fn === LONG) return member(String(arg))
    return member(`${String(fn)}(${writeLiteral(arg).text})`)
  }
  return member(
    `{${Object.entries(json)
      .map(([name, item]) => `${quoted(name)}: ${writeLiteral(item).text}`)
      .join(", ")}}`,
  )
}

/** Cedar grammar, "IDENT", without its reserved words. */
const isName = (name: string): boolean =>
  /^[A-Za-z_]\w*$/.test(name) && !/^(?:true|false|if|then|else|in|is|like|has|__cedar)$/.test(name)

const quoted = (text: string): string => `"${inQuotes(text, false)}"`

/** Cedar's escapes are Rust's: every character that could be mistaken for another is written by its number. */
function inQuotes(text: string, isPattern: boolean): string {
  return text.replaceAll(/["\\*]|[^\x20-\x7e]/gu, (character) => {
    if (character === "*") return isPattern ? "\\*" : "*"
    if (character === '"' || character === "\\") return `\\${character}`
    if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(character) && !hasUnseen(character)) return character
    return `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`
  })
}
