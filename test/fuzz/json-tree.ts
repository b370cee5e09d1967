/**
 * JSON as it is written: members in their order, those that stand twice among them, numbers digit by digit. It is a
 * reader of its own (RFC 8259), against which the Worker's reading is held, and what structure-aware changes are made to.
 */
import fc from "fast-check"
import { changed, type Change, change } from "./mutation.ts"

export type JsonTree =
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: JsonTree])[] }
  | { readonly kind: "array"; readonly items: readonly JsonTree[] }
  /** A string, a number, `true`, `false` or `null`, as it is written. */
  | { readonly kind: "leaf"; readonly source: string }

const TOKEN =
  /[ \t\n\r]*("(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|[{}[\],:])/y

/** @returns null for what is no JSON */
export function treeOf(text: string): JsonTree | null {
  const tokens = tokensOf(text)
  if (!tokens) return null
  const reader = { tokens, next: 0 }
  const tree = readValue(reader)
  return tree && reader.next === tokens.length ? tree : null
}

function tokensOf(text: string): readonly string[] | null {
  const tokens: string[] = []
  let end = 0
  for (TOKEN.lastIndex = 0; ; end = TOKEN.lastIndex) {
    const token = TOKEN.exec(text)?.[1]
    if (token === undefined) return /^[ \t\n\r]*$/.test(text.slice(end)) ? tokens : null
    if (hasControl(token)) return null
    tokens.push(token)
  }
}

/** Below U+0020: a string has to escape it. */
export const hasControl = (text: string): boolean => Array.from(text).some((char) => char < " ")

interface Reader {
  readonly tokens: readonly string[]
  next: number
}

function readValue(reader: Reader): JsonTree | null {
  const token = reader.tokens[reader.next++]
  switch (token) {
    case undefined:
    case "}":
    case "]":
    case ",":
    case ":":
      return null
    case "{":
      return readList(reader, "}", readMember, (members) => ({ kind: "object", members }))
    case "[":
      return readList(reader, "]", readValue, (items) => ({ kind: "array", items }))
    default:
      return { kind: "leaf", source: token }
  }
}

function readMember(reader: Reader): readonly [string, JsonTree] | null {
  const name = reader.tokens[reader.next++]
  if (name?.startsWith('"') !== true || reader.tokens[reader.next++] !== ":") return null
  const value = readValue(reader)
  return value && [stringOf(name), value]
}

function readList<Each>(
  reader: Reader,
  close: string,
  readEach: (reader: Reader) => Each | null,
  make: (all: readonly Each[]) => JsonTree,
): JsonTree | null {
  const all: Each[] = []
  if (reader.tokens[reader.next] === close) {
    reader.next += 1
    return make(all)
  }
  for (;;) {
    const each = readEach(reader)
    if (each === null) return null
    all.push(each)
    const token = reader.tokens[reader.next++]
    if (token === close) return make(all)
    if (token !== ",") return null
  }
}

/** The characters of a JSON string. */
export function stringOf(source: string): string {
  return source.slice(1, -1).replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_all, hex?: string, escaped?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    return { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }[escaped ?? ""] ?? escaped ?? ""
  })
}

/** All nodes, the whole first. */
export function nodesOf(tree: JsonTree): readonly JsonTree[] {
  const all: JsonTree[] = []
  const rest: JsonTree[] = [tree]
  for (let node = rest.pop(); node; node = rest.pop()) {
    all.push(node)
    if (node.kind === "array") rest.push(...node.items)
    if (node.kind === "object") rest.push(...node.members.map(([, value]) => value))
  }
  return all
}

export function depthOf(tree: JsonTree): number {
  if (tree.kind === "leaf") return 0
  const below = tree.kind === "array" ? tree.items : tree.members.map(([, value]) => value)
  return 1 + Math.max(0, ...below.map(depthOf))
}

/** @param spelling which escapes and blanks are used: it changes the text, never what it means */
export function textOfTree(tree: JsonTree, spelling = 0): string {
  const blank = ["", " ", "\n", "\t", "\r"][spelling % 5] ?? ""
  const name = (text: string): string => (spelling % 3 === 1 ? escaped(text) : JSON.stringify(text))
  switch (tree.kind) {
    case "object":
      return `{${blank}${tree.members.map(([key, value]) => `${name(key)}${blank}:${textOfTree(value, spelling)}`).join(`,${blank}`)}}`
    case "array":
      return `[${tree.items.map((item) => blank + textOfTree(item, spelling)).join(",")}${blank}]`
    default:
      return tree.source
  }
}

const escaped = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, index) => String.raw`\u${text.charCodeAt(index).toString(16).padStart(4, "0")}`).join("")}"`

/** Values at which readers part ways. */
const VALUES = [
  "null",
  "true",
  "[]",
  "{}",
  '""',
  "0",
  "-0",
  "1e400",
  "1e-400",
  "9007199254740993",
  "100.00000000000000001",
  "1E2",
  '"1"',
  '"\\u0000"',
  '"\\ud800"',
  '"a\\u000d\\u000ab"',
  `"${"x".repeat(300)}"`,
  '{"__proto__":{"a":1}}',
  "[[[[[[[[]]]]]]]]",
] as const

interface TreeChange {
  readonly kind: "drop" | "double" | "rename" | "value" | "move" | "wrap" | "add" | "text"
  readonly at: number
  readonly pick: number
  readonly by: Change
}

const treeChange: fc.Arbitrary<TreeChange> = fc.record({
  kind: fc.constantFrom("drop", "double", "rename", "value", "move", "wrap", "add", "text"),
  at: fc.nat(),
  pick: fc.nat(),
  by: change,
})

/**
 * Changes of the structure first, then of the text.
 * @param seeds JSON that is read
 * @param names members that mean something here
 */
export function mutatedJson(seeds: readonly string[], names: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(treeChange, { maxLength: 3, size: "max" }),
      fc.nat({ max: 14 }),
      fc.array(change, { maxLength: 1 }),
      fc.nat({ max: 3 }),
    )
    .map(([seed, plan, spelling, edits, edited]) => {
      const tree = treeOf(seed)
      const text = tree
        ? textOfTree(
            plan.reduce((node, each) => changedTree(node, each, names), tree),
            spelling,
          )
        : seed
      return edited > 0 ? text : edits.reduce((all, each) => changed(all, each, seed, names), text)
    })
}

function changedTree(tree: JsonTree, step: TreeChange, names: readonly string[]): JsonTree {
  const nodes = nodesOf(tree)
  const target = nodes[step.at % nodes.length] ?? tree
  const source = nodes[step.pick % nodes.length] ?? tree
  // A tree that grows by copies of itself is cut off: depth and size have tests of their own.
  const copied = nodes.length > 400 ? LEAF : source
  return replaced(tree, target, changedNode(target, step, copied, names))
}

const LEAF: JsonTree = { kind: "leaf", source: "0" }

function changedNode(
  node: JsonTree,
  { kind, at, pick, by }: TreeChange,
  source: JsonTree,
  names: readonly string[],
): JsonTree {
  const value: JsonTree = treeOf(VALUES[pick % VALUES.length] ?? "") ?? LEAF
  if (kind === "value") return value
  if (kind === "move") return source
  if (kind === "wrap")
    return pick % 2 === 0 ? { kind: "array", items: [node] } : { kind: "object", members: [["a", node]] }
  if (node.kind === "leaf") {
    if (kind !== "text" || !node.source.startsWith('"')) return value
    return { kind: "leaf", source: JSON.stringify(changed(stringOf(node.source), by, stringOf(node.source), names)) }
  }
  if (node.kind === "array") {
    const index = at % (node.items.length + 1)
    if (kind === "drop") return { kind: "array", items: node.items.toSpliced(index, 1) }
    return { kind: "array", items: node.items.toSpliced(index, 0, source) }
  }
  const index = at % Math.max(1, node.members.length)
  const member = node.members[index]
  if (!member) return { kind: "object", members: [["a", value]] }
  const name = names[pick % Math.max(1, names.length)] ?? "a"
  switch (kind) {
    case "drop":
      return { kind: "object", members: node.members.toSpliced(index, 1) }
    case "rename":
      return { kind: "object", members: node.members.with(index, [variantOf(member[0], pick), member[1]]) }
    case "double":
      return {
        kind: "object",
        members: [...node.members, [variantOf(member[0], pick), pick % 3 === 0 ? member[1] : value]],
      }
    default:
      return {
        kind: "object",
        members: node.members.toSpliced(index, 0, [pick % 2 === 0 ? name : variantOf(name, at), value]),
      }
  }
}

/** What some reader takes for the same name. */
function variantOf(name: string, pick: number): string {
  const variants = [
    name,
    name.toUpperCase(),
    name.charAt(0).toUpperCase() + name.slice(1),
    name.replace("s", "\u017f"),
    name.replace("k", "\u212a"),
    `${name}[]`,
    `${name}[0]`,
    `[${name}]`,
    `${name}.`,
    ` ${name}`,
    `${name}\0`,
    "__proto__",
  ]
  return variants[pick % variants.length] ?? name
}

function replaced(tree: JsonTree, target: JsonTree, by: JsonTree): JsonTree {
  if (tree === target) return by
  switch (tree.kind) {
    case "object":
      return { kind: "object", members: tree.members.map(([name, value]) => [name, replaced(value, target, by)]) }
    case "array":
      return { kind: "array", items: tree.items.map((item) => replaced(item, target, by)) }
    default:
      return tree
  }
}
