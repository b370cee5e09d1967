/** JSON of callers, gateways and servers, held against a reader of its own (json-tree.ts) and the platform's. */
import { describe, expect, test } from "vitest"
import { OTHER_SPELLING, readAnswer } from "../../src/core/catalog/mcp-answer.ts"
import { readServerMessage } from "../../src/core/catalog/tool-list.ts"
import { MAX_PARTS, readJson } from "../../src/core/encoding/json.ts"
import { foldName } from "../../src/core/encoding/name-folding.ts"
import { FUZZ_TIMEOUT, fuzz } from "./fuzz.ts"
import { depthOf, nodesOf, stringOf, textOfTree, treeOf, type JsonTree } from "./json-tree.ts"
import { sameToSome } from "./readers.ts"

const DOCUMENTS = [
  '{"to":"a@example.org","amount":12.5,"lines":[1,-2,3e2],"more":{"to":null,"ok":true}}',
  '[{"id":"x","text":"\\u00e9\\n\\"q\\""},[],{},[[0.1]]]',
  '{"a":{"b":{"c":{"d":[[[["deep"]]]]}}},"e":9007199254740991}',
  '"text"',
  "-0.5e-3",
]
const NAMES = ["to", "amount", "tools", "name", "jsonrpc", "result", "nextCursor", "id", "a"]

function namesTwice(tree: JsonTree, key: (name: string) => string): boolean {
  return nodesOf(tree).some((node) => {
    const names = node.kind === "object" ? node.members.map(([name]) => key(name)) : []
    return new Set(names).size < names.length
  })
}

/** Each list and object, and each comma in it. */
function partsOf(tree: JsonTree): number {
  const sizes = nodesOf(tree).map((node) =>
    node.kind === "leaf" ? 0 : Math.max(1, node.kind === "array" ? node.items.length : node.members.length),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Why JSON may be refused. A number may be if it is long or has an exponent: which of them are exact is not said here. */
function reasonsIn(tree: JsonTree): readonly string[] {
  const leaves = nodesOf(tree).flatMap((node) => (node.kind === "leaf" ? [node.source] : []))
  const names = nodesOf(tree).flatMap((node) => (node.kind === "object" ? node.members.map(([name]) => name) : []))
  const reasons = {
    "a name twice": namesTwice(tree, foldName),
    "a forbidden name": names.map(foldName).includes("__proto__"),
    "half a character": [...leaves.filter((leaf) => leaf.startsWith('"')).map(stringOf), ...names].some(
      (text) => !text.isWellFormed(),
    ),
    "a number": leaves.some((leaf) => /^[-\d]/.test(leaf) && (leaf.length > 15 || /e/i.test(leaf))),
    depth: depthOf(tree) > 64,
    parts: partsOf(tree) > MAX_PARTS,
    "a long name": names.some((name) => name.length > 1_000),
  }
  return Object.entries(reasons).flatMap(([reason, holds]) => (holds ? [reason] : []))
}

describe("JSON", () => {
  test(
    "that is accepted reads in one way: as JSON.parse reads it, with no name twice, no number rounded",
    async () => {
      await fuzz({
        parser: "json",
        seeds: DOCUMENTS,
        words: NAMES,
        json: true,
        runs: 3_000,
        check(text) {
          const read = readJson(text)
          const tree = treeOf(text)
          if ("objection" in read) {
            expect(read.objection).toMatch(/^it (?:is|has|nests) /)
            if (tree) expect(reasonsIn(tree)).not.toEqual([])
            return false
          }
          if (!tree) throw new Error("what is no JSON was read")
          expect(read.json).toEqual(JSON.parse(text))
          expect(namesTwice(tree, sameToSome)).toBe(false)
          expect(depthOf(tree)).toBeLessThanOrEqual(64)
          for (const node of nodesOf(tree)) {
            if (node.kind === "object") expect(node.members.map(([name]) => name)).not.toContain("__proto__")
            // Digit by digit: what a double cannot hold is another number to a reader that can.
            if (node.kind === "leaf" && /^-?\d+$/.test(node.source)) {
              expect(BigInt(node.source)).toBe(BigInt(Number(node.source)))
            }
          }
          expect(JSON.stringify(read.json).isWellFormed()).toBe(true)
          // Spelled otherwise it is the same, to us too.
          expect(readJson(textOfTree(tree, text.length))).toEqual(read)
          expect(nodesOf(tree).length).toBeLessThanOrEqual(text.length)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

const MOST_PARTS = 64
const LIST = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  result: {
    tools: [
      { name: "search", description: "Finds.", inputSchema: { type: "object", properties: { q: { type: "string" } } } },
      { name: "pay", inputSchema: { type: "object" }, annotations: { readOnlyHint: false } },
    ],
    nextCursor: "2",
  },
})

describe("an MCP server's answer", () => {
  test(
    "that is accepted is what any client reads, and no larger than it may be",
    async () => {
      await fuzz({
        parser: "mcp-answer",
        seeds: [LIST, `[${LIST}]`, '{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no"}}'],
        words: NAMES,
        json: true,
        runs: 2_000,
        check(text) {
          const read = readAnswer(text, MOST_PARTS)
          const tree = treeOf(text)
          // An objection may come before it is known whether the text is JSON at all; no reading may.
          if (read === null) expect(tree).toBeNull()
          if (read !== null && "objection" in read && read.objection !== OTHER_SPELLING && tree) {
            const isAmbiguous = namesTwice(tree, (name) => name)
            expect(isAmbiguous || depthOf(tree) > 128 || partsOf(tree) > MOST_PARTS).toBe(true)
          }
          if (read === null || "objection" in read) return false
          if (!tree) throw new Error("what is no JSON was read")
          const json: unknown = JSON.parse(text)
          expect(read.messages).toEqual(Array.isArray(json) ? json : [json])
          expect(namesTwice(tree, (name) => name)).toBe(false)
          expect(depthOf(tree)).toBeLessThanOrEqual(128)
          expect(read.parts).toBe(partsOf(tree))
          expect(read.parts).toBeLessThanOrEqual(MOST_PARTS)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )

  test(
    "that lists tools is cut down to some of them, and is otherwise as it was",
    async () => {
      await fuzz({
        parser: "tool-list",
        seeds: [LIST],
        words: NAMES,
        json: true,
        runs: 2_000,
        check(text) {
          const list = readServerMessage(text)
          if ("denied" in list || list.kind !== "tools") return false
          // Of a zero the sign is lost when it is written (ECMA-262 25.5.2): it is the same number.
          const json = JSON.parse(JSON.stringify(JSON.parse(text)))
          expect(JSON.parse(JSON.stringify(list.listed.map(({ definition }) => definition)))).toEqual(json.result.tools)
          expect(list.listed.map(({ key }) => key)).toEqual(
            json.result.tools.map((tool: { name: string }) => tool.name),
          )
          expect(JSON.parse(list.keeping(() => true))).toEqual(json)
          const none = JSON.parse(list.keeping(() => false))
          expect(none).toEqual({ ...json, result: { ...json.result, tools: [] } })
          // What a client that matches names without regard to case would show instead.
          const others = (members: object, name: string) => Object.keys(members).filter((each) => each !== name)
          expect(others(json.result, "tools").map(sameToSome)).not.toContain("tools")
          expect(others(json, "result").map(sameToSome)).not.toContain("result")
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})
