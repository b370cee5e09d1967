/**
 * Random rules in Cedar's JSON policy format, entities and requests, for the promises and the differential test. Expressions are mostly
 * well-typed, else nearly all of them would err at once; one operand in ten or so is of any type.
 * Names and values are few, so that lookups hit, sets overlap and hierarchies connect.
 */
import type { CedarValueJson, Expr, PolicyJson, TypeAndId } from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import type { PolicyRequest } from "../../src/policy/evaluate.ts"
import type { LoweredRule } from "../../src/policy/lowered.ts"
import { fromCedarJson } from "../../src/policy/cedar-json.ts"
import { entity, isRecord } from "../../src/policy/value.ts"

/** In the order of the hierarchy: a member only ever has later ones as parents. */
const POOL: readonly TypeAndId[] = [
  { type: "User", id: "a" },
  { type: "User", id: '"\\\u{1F600}' },
  { type: "Tool", id: "t" },
  { type: "Tool", id: "u" },
  { type: "Action", id: "r" },
  { type: "Action", id: "w" },
  { type: "Action", id: "group" },
  { type: "N::Group", id: "a" },
  { type: "N::Group", id: "b" },
  { type: "N::Group", id: "__proto__" },
]
const TYPES = ["User", "Tool", "N::Group", "Action", "Group"]
const NAMES = ["a", "b", "n", "s", "__proto__", "x y"]
const TEXTS = ["", "a", "ab", "aba", "b*a", "é\u{1F600}a", "__proto__"]
/** Their products reach both ends of 64 bits; longer literals do not survive JSON. */
const LONGS = [0, 1, 2, 3, -1, -2, 1023, 1024, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]

const uid = fc.constantFrom(...POOL)
const principal = fc.constantFrom(...POOL.slice(0, 2), ...POOL.slice(0, 2), ...POOL)
const action = fc.constantFrom(...POOL.slice(4, 6))
const resource = fc.constantFrom(...POOL.slice(2, 4), ...POOL.slice(2, 4), ...POOL)
const name = fc.constantFrom(...NAMES)
const long = fc.constantFrom(...LONGS)
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 4 }))

/** Own members only, `__proto__` too. */
function members<T>(value: fc.Arbitrary<T>, maxLength: number): fc.Arbitrary<Record<string, T>> {
  return fc
    .uniqueArray(fc.tuple(name, value), { maxLength, selector: ([key]) => key })
    .map((entries) => Object.fromEntries(entries))
}

const atom: fc.Arbitrary<CedarValueJson> = fc.oneof(
  fc.boolean(),
  long,
  text,
  uid.map((one) => ({ __entity: one })),
)
const shallow: fc.Arbitrary<CedarValueJson> = fc.oneof(
  { arbitrary: atom, weight: 4 },
  { arbitrary: fc.array(atom, { maxLength: 3 }), weight: 2 },
  { arbitrary: members(atom, 3), weight: 2 },
)
const value: fc.Arbitrary<CedarValueJson> = fc.oneof(
  { arbitrary: shallow, weight: 6 },
  { arbitrary: fc.array(shallow, { maxLength: 3 }), weight: 1 },
  { arbitrary: members(shallow, 3), weight: 1 },
)

/** One arbitrary for each type of operand. A type and no interface: fast-check asks for an index signature. */
type Expressions = {
  any: Expr
  bool: Expr
  long: Expr
  text: Expr
  entity: Expr
  set: Expr
  record: Expr
}
type Operands = { readonly [Type in keyof Expressions]: fc.Arbitrary<Expr> }

const literal = (json: fc.Arbitrary<CedarValueJson>) => json.map((one): Expr => ({ Value: one }))
const variable = fc.constantFrom<Expr>({ Var: "principal" }, { Var: "action" }, { Var: "resource" }, { Var: "context" })
const pattern = fc.array(
  fc.oneof(
    fc.constant("Wildcard" as const),
    fc.constantFrom("a", "b", "ab", "ba", "aba", "*", "\u{1F600}").map((text) => ({ Literal: text })),
  ),
  { maxLength: 4 },
)
const pair = (left: fc.Arbitrary<Expr>, right: fc.Arbitrary<Expr>) => fc.record({ left, right })

/** Both ends of 64 bits, which no JSON number can hold. */
const GREATEST: Expr = {
  "+": { left: { "*": { left: { Value: Number.MAX_SAFE_INTEGER }, right: { Value: 1024 } } }, right: { Value: 1023 } },
}
const LEAST: Expr = { "-": { left: { neg: { arg: GREATEST } }, right: { Value: 1 } } }

/** Operands without operators: what is built on them shows in the decision, where deeper ones mask each other. */
const leaves: Operands = loosely(
  {
    any: fc.oneof(literal(value), variable),
    bool: literal(fc.boolean()),
    long: fc.oneof({ arbitrary: literal(long), weight: 6 }, fc.constantFrom(GREATEST, LEAST)),
    text: literal(text),
    entity: fc.oneof(
      variable.filter((one) => !("Var" in one && one.Var === "context")),
      literal(uid.map((one) => ({ __entity: one }))),
    ),
    set: literal(
      fc.oneof(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }), fc.array(shallow, { maxLength: 3 })),
    ),
    record: fc.oneof(fc.constant<Expr>({ Var: "context" }), literal(members(shallow, 3))),
  },
  literal(value),
)

/** Now and then an operand of a type that the operator may not take. */
function loosely(operands: Operands, any: fc.Arbitrary<Expr>): Operands {
  const mixed = (typed: fc.Arbitrary<Expr>) => fc.oneof({ arbitrary: typed, weight: 12 }, { arbitrary: any, weight: 1 })
  return {
    any,
    bool: mixed(operands.bool),
    long: mixed(operands.long),
    text: mixed(operands.text),
    entity: mixed(operands.entity),
    set: mixed(operands.set),
    record: mixed(operands.record),
  }
}

function attributeOf(of: Operands): fc.Arbitrary<Expr> {
  return fc.record({ left: fc.oneof(of.record, of.entity), attr: name }).map((access) => ({ ".": access }))
}

function choiceOf(of: Operands, branch: fc.Arbitrary<Expr>): fc.Arbitrary<Expr> {
  // oxlint-disable-next-line unicorn/no-thenable -- Cedar's own name of the branch, never awaited
  return fc.record({ if: of.bool, then: branch, else: branch }).map((parts) => ({ "if-then-else": parts }))
}

function booleansOf(of: Operands): fc.Arbitrary<Expr>[] {
  const same = fc.oneof(
    pair(of.long, of.long),
    pair(of.text, of.text),
    pair(of.entity, of.entity),
    pair(of.set, of.set),
    pair(of.record, of.record),
    pair(of.bool, of.any),
    pair(of.any, of.any),
  )
  const numbers = pair(of.long, of.long)
  const holder = fc.oneof(of.record, of.entity)
  const groups = fc.array(of.entity, { maxLength: 3 }).map((items): Expr => ({ Set: items }))
  const type = fc.constantFrom(...TYPES)
  return [
    pair(of.bool, of.bool).map((operands) => ({ "&&": operands })),
    pair(of.bool, of.bool).map((operands) => ({ "||": operands })),
    of.bool.map((arg) => ({ "!": { arg } })),
    same.map((operands) => ({ "==": operands })),
    same.map((operands) => ({ "!=": operands })),
    numbers.map((operands) => ({ "<": operands })),
    numbers.map((operands) => ({ "<=": operands })),
    numbers.map((operands) => ({ ">": operands })),
    numbers.map((operands) => ({ ">=": operands })),
    pair(of.entity, fc.oneof(of.entity, of.set, groups, groups)).map((operands) => ({ in: operands })),
    pair(of.set, fc.oneof(of.long, of.any)).map((operands) => ({ contains: operands })),
    pair(of.set, of.set).map((operands) => ({ containsAll: operands })),
    pair(of.set, of.set).map((operands) => ({ containsAny: operands })),
    of.set.map((arg) => ({ isEmpty: { arg } })),
    fc.record({ left: holder, attr: name }).map((has) => ({ has })),
    fc.record({ left: holder, attr: fc.array(name, { minLength: 1, maxLength: 3 }) }).map((has) => ({ has })),
    fc.record({ left: of.text, pattern }).map((like) => ({ like })),
    fc.record({ left: of.entity, entity_type: type }).map((is) => ({ is })),
    fc.record({ left: of.entity, entity_type: type, in: fc.oneof(of.entity, of.set) }).map((is) => ({ is })),
    choiceOf(of, of.bool),
    attributeOf(of),
  ]
}

function longsOf(of: Operands): fc.Arbitrary<Expr>[] {
  const numbers = pair(of.long, of.long)
  return [
    numbers.map((operands) => ({ "+": operands })),
    numbers.map((operands) => ({ "-": operands })),
    numbers.map((operands) => ({ "*": operands })),
    of.long.map((arg) => ({ neg: { arg } })),
    choiceOf(of, of.long),
    attributeOf(of),
  ]
}

const expressions = fc.letrec<Expressions>((tie) => {
  const of = loosely(
    {
      any: tie("any"),
      bool: tie("bool"),
      long: tie("long"),
      text: tie("text"),
      entity: tie("entity"),
      set: tie("set"),
      record: tie("record"),
    },
    tie("any"),
  )
  const deep = (leaf: fc.Arbitrary<Expr>, ...nodes: fc.Arbitrary<Expr>[]) => fc.oneof({ maxDepth: 3 }, leaf, ...nodes)
  return {
    any: deep(leaves.any, of.bool, of.long, of.text, of.entity, of.set, of.record, attributeOf(of)),
    bool: deep(leaves.bool, ...booleansOf(of)),
    long: deep(leaves.long, ...longsOf(of)),
    text: deep(leaves.text, choiceOf(of, of.text), attributeOf(of)),
    entity: deep(leaves.entity, choiceOf(of, of.entity), attributeOf(of)),
    set: deep(
      leaves.set,
      fc.array(of.any, { maxLength: 3 }).map((items) => ({ Set: items })),
      fc.array(of.long, { maxLength: 3 }).map((items) => ({ Set: items })),
      attributeOf(of),
    ),
    record: deep(
      leaves.record,
      members(of.any, 3).map((items) => ({ Record: items })),
      attributeOf(of),
    ),
  }
})

const condition = fc.oneof(
  { arbitrary: fc.oneof(...booleansOf(leaves)), weight: 3 },
  { arbitrary: fc.oneof(...booleansOf({ ...leaves, long: fc.oneof(...longsOf(leaves)) })), weight: 1 },
  { arbitrary: expressions.bool, weight: 4 },
  { arbitrary: expressions.any, weight: 1 },
)

const principalOrResource = (like: fc.Arbitrary<TypeAndId>): fc.Arbitrary<PolicyJson["principal"]> =>
  fc.oneof(
    { arbitrary: fc.constant({ op: "All" as const }), weight: 6 },
    { arbitrary: like.map((entity) => ({ op: "==" as const, entity })), weight: 1 },
    { arbitrary: uid.map((entity) => ({ op: "in" as const, entity })), weight: 1 },
    { arbitrary: like.map(({ type }) => ({ op: "is" as const, entity_type: type })), weight: 1 },
    {
      arbitrary: fc.tuple(like, uid).map(([{ type }, entity]) => ({
        op: "is" as const,
        entity_type: type,
        in: { entity },
      })),
      weight: 1,
    },
  )
const actions = fc.constantFrom(...POOL.slice(4, 7))
const actionScope: fc.Arbitrary<PolicyJson["action"]> = fc.oneof(
  { arbitrary: fc.constant({ op: "All" as const }), weight: 4 },
  { arbitrary: action.map((entity) => ({ op: "==" as const, entity })), weight: 1 },
  { arbitrary: actions.map((entity) => ({ op: "in" as const, entity })), weight: 1 },
  { arbitrary: fc.array(actions, { maxLength: 2 }).map((entities) => ({ op: "in" as const, entities })), weight: 1 },
)

const policy: fc.Arbitrary<PolicyJson> = fc.record({
  effect: fc.constantFrom("permit" as const, "permit" as const, "forbid" as const),
  principal: principalOrResource(principal),
  action: actionScope,
  resource: principalOrResource(resource),
  conditions: fc.array(fc.record({ kind: fc.constantFrom("when" as const, "unless" as const), body: condition }), {
    maxLength: 2,
  }),
})

/** By id, as the official engine takes them. */
export const policies: fc.Arbitrary<Record<string, PolicyJson>> = fc
  .array(policy, { minLength: 1, maxLength: 5 })
  .map((all) => Object.fromEntries(all.map((one, index) => [`p${index}`, one])))

export function rulesOf(all: Readonly<Record<string, PolicyJson>>): LoweredRule[] {
  return Object.entries(all).map(([id, one]) => ({ id, policy: one, reads: [] }))
}

interface EntityJson {
  uid: TypeAndId
  attrs: Record<string, CedarValueJson>
  parents: TypeAndId[]
}

/** About three in four of the pool are stored; parents need not be. */
export const entities: fc.Arbitrary<EntityJson[]> = fc
  .tuple(
    ...POOL.map((one, index) =>
      fc.record({
        uid: fc.constant(one),
        attrs: members(value, 4),
        parents: fc.subarray(POOL.slice(index + 1).filter((above) => one.type !== "Action" || above.type === "Action")),
        stored: fc.integer({ min: 0, max: 3 }),
      }),
    ),
  )
  .map((all) => all.filter(({ stored }) => stored > 0).map(({ uid, attrs, parents }) => ({ uid, attrs, parents })))

interface RequestJson {
  principal: TypeAndId
  action: TypeAndId
  resource: TypeAndId
  context: Record<string, CedarValueJson>
}

export const request: fc.Arbitrary<RequestJson> = fc.record({ principal, action, resource, context: members(value, 5) })

export function requestOf(json: RequestJson): PolicyRequest {
  const context = fromCedarJson(json.context)
  if (context === undefined || !isRecord(context)) throw new Error("the context is no record")
  return {
    principal: entity(json.principal.type, json.principal.id),
    action: entity(json.action.type, json.action.id),
    resource: entity(json.resource.type, json.resource.id),
    context,
  }
}
