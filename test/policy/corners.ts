/**
 * The corners of Cedar's semantics, one a line: an expression in Cedar's JSON policy format, and what it is worth to
 * `User::"alice"`, who reads `Tool::"t"`, which is not stored, in CONTEXT. test/node/oracle.test.ts asks the official engine
 * the same; an integer that no JSON number can hold is therefore only compared.
 */
import type { CedarValueJson } from "@cedar-policy/cedar-wasm/nodejs"

type Outcome = boolean | string | number

export const REQUEST = {
  principal: { type: "User", id: "alice" },
  action: { type: "Action", id: "read" },
  resource: { type: "Tool", id: "t" },
}

export const ENTITIES = [
  { uid: { type: "User", id: "alice" }, attrs: { age: 30, tag: { x: 1 } }, parents: [{ type: "Group", id: "staff" }] },
  { uid: { type: "Group", id: "staff" }, attrs: {}, parents: [{ type: "Group", id: "all" }] },
]

/** Own members, `__proto__` too: an object literal would set the prototype. */
export const CONTEXT: Record<string, CedarValueJson> = Object.fromEntries([
  ["n", 5],
  ["s", "text"],
  ["r", { in: { deep: 1 } }],
  ["list", [1, 2]],
  ["__proto__", 7],
])

export const literal = (json: unknown) => ({ Value: json })
const ref = (type: string, id: string) => literal({ __entity: { type, id } })
export const op = (operator: string, left: unknown, right: unknown) => ({ [operator]: { left, right } })
const not = (arg: unknown) => ({ "!": { arg } })
const neg = (arg: unknown) => ({ neg: { arg } })
export const dot = (left: unknown, attr: string) => ({ ".": { left, attr } })
const has = (left: unknown, attr: string | readonly string[]) => ({ has: { left, attr } })
const is = (left: unknown, entity_type: string, group?: unknown) => ({
  is: { left, entity_type, ...(group ? { in: group } : {}) },
})
export const like = (left: unknown, ...pattern: readonly (string | null)[]) => ({
  like: { left, pattern: pattern.map((part) => (part === null ? "Wildcard" : { Literal: part })) },
})
const choose = (test: unknown, then: unknown, otherwise: unknown) => ({
  // oxlint-disable-next-line unicorn/no-thenable -- Cedar's own name of the branch, never awaited
  "if-then-else": { if: test, then, else: otherwise },
})
const [principal, resource, ctx] = [{ Var: "principal" }, { Var: "resource" }, { Var: "context" }]
const errs = literal(1)
export const set = (...items: readonly unknown[]) => ({ Set: items })
export const record = (members: Readonly<Record<string, unknown>>) => ({ Record: members })
/** 2^63 - 1024 and 1023 more: the greatest integer, which no JSON number can hold. */
const greatest = op("+", op("*", literal(Number.MAX_SAFE_INTEGER), literal(1024)), literal(1023))
const least = op("-", neg(greatest), literal(1))

/** The evaluation fails. */
export const ERRS = Symbol("errs")

export const CORNERS: Readonly<
  Record<string, readonly (readonly [expression: unknown, result: Outcome | typeof ERRS])[]>
> = {
  "&& stops at false, and checks what it looks at": [
    [op("&&", literal(false), errs), false],
    [op("&&", literal(false), dot(ctx, "missing")), false],
    [op("&&", literal(true), errs), ERRS],
    [op("&&", errs, literal(false)), ERRS],
    [op("&&", literal(true), literal(true)), true],
    [op("&&", literal(true), literal(false)), false],
  ],
  "|| stops at true, and checks what it looks at": [
    [op("||", literal(true), errs), true],
    [op("||", literal(false), errs), ERRS],
    [op("||", errs, literal(true)), ERRS],
    [op("||", literal(false), literal(true)), true],
    [op("||", literal(false), literal(false)), false],
  ],
  "if looks at one branch only": [
    [choose(literal(true), literal("then"), dot(ctx, "missing")), "then"],
    [choose(literal(false), dot(ctx, "missing"), literal("else")), "else"],
    [choose(errs, literal(1), literal(2)), ERRS],
  ],
  "! and neg take their own type only": [
    [not(literal(true)), false],
    [not(literal(false)), true],
    [not(errs), ERRS],
    [neg(literal(5)), -5],
    [neg(literal("5")), ERRS],
  ],
  "== and != compare any types, and err only where an operand does": [
    [op("==", literal(1), literal("1")), false],
    [op("==", literal(true), literal(1)), false],
    [op("==", principal, literal("User")), false],
    [op("==", ref("User", "a"), ref("N::User", "a")), false],
    [op("!=", literal(1), literal("1")), true],
    [op("!=", literal([1, 2, 2]), literal([2, 1])), false],
    [op("==", record({ a: literal(1), b: literal(2) }), literal({ b: 2, a: 1 })), true],
    [op("==", dot(ctx, "missing"), literal(1)), ERRS],
  ],
  "order is for integers": [
    [op("<", literal(1), literal(2)), true],
    [op("<", literal(2), literal(2)), false],
    [op("<=", literal(2), literal(2)), true],
    [op("<=", literal(3), literal(2)), false],
    [op(">", literal(3), literal(2)), true],
    [op(">", literal(2), literal(2)), false],
    [op(">=", literal(2), literal(2)), true],
    [op(">=", literal(1), literal(2)), false],
    [op("<", literal("a"), literal("b")), ERRS],
    [op(">=", literal(1), literal("1")), ERRS],
  ],
  "arithmetic errs beyond 64 bits": [
    [op("-", literal(2), literal(3)), -1],
    [op("*", literal(-2), literal(3)), -6],
    [op("*", literal(Number.MAX_SAFE_INTEGER), literal(Number.MAX_SAFE_INTEGER)), ERRS],
    [op(">", greatest, literal(Number.MAX_SAFE_INTEGER)), true],
    [op("+", greatest, literal(1)), ERRS],
    [op("<", least, neg(greatest)), true],
    [op("-", least, literal(1)), ERRS],
    [neg(least), ERRS],
    [op("+", literal(1), literal("1")), ERRS],
  ],
  "in is reflexive and transitive, and takes entities and sets of them only": [
    [op("in", principal, ref("Group", "staff")), true],
    [op("in", principal, ref("Group", "all")), true],
    [op("in", ref("Group", "staff"), principal), false],
    [op("in", resource, resource), true],
    [op("in", ref("Ghost", "x"), ref("Ghost", "x")), true],
    [op("in", ref("Ghost", "x"), ref("Group", "all")), false],
    [op("in", principal, set(ref("Group", "other"), ref("Group", "all"))), true],
    [op("in", principal, set()), false],
    [op("in", principal, set(principal, literal(1))), ERRS],
    [op("in", literal("alice"), ref("Group", "all")), ERRS],
    [op("in", principal, literal("Group")), ERRS],
  ],
  "is compares the type, and does not look at its group where that differs": [
    [is(principal, "User"), true],
    [is(principal, "Group"), false],
    [is(ref("N::User", "a"), "User"), false],
    [is(principal, "User", ref("Group", "all")), true],
    [is(principal, "User", ref("Group", "other")), false],
    [is(principal, "User", errs), ERRS],
    [is(principal, "Group", errs), false],
    [is(ctx, "User"), ERRS],
  ],
  "sets contain by structure": [
    [op("contains", literal([1, [2, 1]]), literal([1, 2])), true],
    [op("contains", literal(["1"]), literal(1)), false],
    [op("contains", set(principal), principal), true],
    [op("contains", literal("text"), literal("t")), ERRS],
    [op("containsAll", literal([1, 2]), literal([2])), true],
    [op("containsAll", literal([2]), literal([1, 2])), false],
    [op("containsAll", literal([]), literal([])), true],
    [op("containsAll", literal([1]), literal(1)), ERRS],
    [op("containsAny", literal([1, 2]), literal([2, 3])), true],
    [op("containsAny", literal([1, 2, 4]), literal([3])), false],
    [op("containsAny", literal([3]), literal([1, 2, 4])), false],
    [op("containsAny", literal([]), literal([])), false],
    [op("containsAny", literal(1), literal([1])), ERRS],
    [{ isEmpty: { arg: set() } }, true],
    [{ isEmpty: { arg: literal([1]) } }, false],
    [{ isEmpty: { arg: literal("") } }, ERRS],
  ],
  "attributes must be there, has asks": [
    [dot(ctx, "n"), 5],
    [dot(ctx, "__proto__"), 7],
    [dot(ctx, "constructor"), ERRS],
    [dot(principal, "age"), 30],
    [dot(principal, "missing"), ERRS],
    [dot(resource, "age"), ERRS],
    [dot(literal(1), "age"), ERRS],
    [has(ctx, "n"), true],
    [has(ctx, "constructor"), false],
    [has(ctx, "__proto__"), true],
    [has(literal({}), "__proto__"), false],
    [has(principal, "age"), true],
    [has(resource, "age"), false],
    [has(literal("text"), "length"), ERRS],
  ],
  "has with a path stops where something is missing, and errs where something has no attributes": [
    [has(ctx, ["r", "in", "deep"]), true],
    [has(ctx, ["r", "out", "deep"]), false],
    [has(ctx, ["missing", "in"]), false],
    [has(ctx, ["n", "in"]), ERRS],
    [has(principal, ["tag", "x"]), true],
    [has(resource, ["tag", "x"]), false],
  ],
  "like: a wildcard is any run of characters, and the whole text must match": [
    [like(ctx, null), ERRS],
    [like(dot(ctx, "s"), "text"), true],
    [like(dot(ctx, "s"), "tex"), false],
    [like(literal("")), true],
    [like(literal("a")), false],
    [like(literal(""), null), true],
    [like(literal("aa"), "aa", null, "a"), false],
    [like(literal("aba"), "ab", null, "ba"), false],
    [like(literal("abba"), "ab", null, "ba"), true],
    [like(literal("a-b-c"), "a", null, "b", null, "c"), true],
    [like(literal("a-c-b"), "a", null, "b", null, "c"), false],
    [like(literal("xaxbx"), null, "a", null, "b", null), true],
    [like(literal("xbxax"), null, "a", null, "b", null), false],
    [like(literal("abcbc"), null, "bc"), true],
    [like(literal("aab"), null, "ab", null, "b"), false],
    [like(literal("a*b"), "a", "*", "b"), true],
    [like(literal("axb"), "a", "*", "b"), false],
    [like(literal("a\nb"), "a", null, "b"), true],
    [like(literal("a.b"), "a", ".", "b"), true],
    [like(literal("axb"), "a", ".", "b"), false],
    [like(literal("\u{1F600}"), null, "\u{1F600}", null), true],
  ],
}
