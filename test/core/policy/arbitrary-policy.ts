/**
 * Random rules in Cedar's JSON policy format, entities and requests, for the promises and the differential test.
 * Expressions are mostly well-typed, else nearly all of them would err at once; one operand in ten or so is of any
 * type. Names and values are few, so that lookups hit, sets overlap and hierarchies connect.
 */
import type { CedarValueJson, Expr, PolicyJson, TypeAndId } from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import { Work } from "../../../src/core/encoding/work.ts"
import type { PolicyRequest } from "../../../src/core/policy/cedar/evaluate.ts"
import type { LoweredRule } from "../../../src/core/policy/cedar/lowered.ts"
import { LONG, fromCedarJson } from "../../../src/core/policy/cedar/values/cedar-json.ts"
import { FUNCTIONS } from "../../../src/core/policy/cedar/values/functions.ts"
import { entity, isRecord } from "../../../src/core/policy/cedar/values/value.ts"
import { KINDS, TEXTS, type Kind, nearly } from "./arbitrary-extension.ts"

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
const STRINGS = ["", "a", "ab", "aba", "b*a", "é\u{1F600}a", "__proto__"]
const LONGS = [0, 1, 2, 3, -1, -2, 1023, 1024, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]
/** Both ends of 64 bits and of 53, and what a double rounds to: the official engine gets the digits (`toOfficial`). */
const EXACT = [
  2n ** 63n - 1n,
  2n ** 63n - 2n,
  -(2n ** 63n),
  -(2n ** 63n) + 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
]

const uid = fc.constantFrom(...POOL)
const principal = fc.constantFrom(...POOL.slice(0, 2), ...POOL.slice(0, 2), ...POOL)
const action = fc.constantFrom(...POOL.slice(4, 6))
const resource = fc.constantFrom(...POOL.slice(2, 4), ...POOL.slice(2, 4), ...POOL)
const name = fc.constantFrom(...NAMES)
const long: fc.Arbitrary<CedarValueJson> = fc.oneof(
  { arbitrary: fc.constantFrom(...LONGS), weight: 4 },
  { arbitrary: fc.constantFrom(...EXACT).map((exact) => ({ __extn: { fn: LONG, arg: String(exact) } })), weight: 1 },
)
const text = fc.oneof(fc.constantFrom(...STRINGS), fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 4 }))

const extension: fc.Arbitrary<CedarValueJson> = fc.oneof(
  ...KINDS.map((fn) => TEXTS[fn].map((arg) => ({ __extn: { fn, arg } }))),
)

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
  extension,
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
  decimal: Expr
  datetime: Expr
  duration: Expr
  ip: Expr
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

const called = (name: string, ...args: readonly fc.Arbitrary<Expr>[]): fc.Arbitrary<Expr> =>
  fc.tuple(...args).map((all) => ({ [name]: all }))

/** Read by the rule, now and then in vain; or given with it. */
function extensionOf(kind: Kind): fc.Arbitrary<Expr> {
  const text = fc.oneof({ arbitrary: TEXTS[kind], weight: 8 }, { arbitrary: nearly(TEXTS[kind]), weight: 1 })
  return fc.oneof(
    { arbitrary: called(kind, literal(text)), weight: 4 },
    { arbitrary: literal(TEXTS[kind].map((arg) => ({ __extn: { fn: kind, arg } }))), weight: 1 },
  )
}

/** Operands without operators: what is built on them shows in the decision, where deeper ones mask each other. */
const leaves: Operands = loosely(
  {
    any: fc.oneof(literal(value), variable),
    bool: literal(fc.boolean()),
    long: literal(long),
    text: literal(text),
    entity: fc.oneof(
      variable.filter((one) => !("Var" in one && one.Var === "context")),
      literal(uid.map((one) => ({ __entity: one }))),
    ),
    set: literal(
      fc.oneof(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }), fc.array(shallow, { maxLength: 3 })),
    ),
    record: fc.oneof(fc.constant<Expr>({ Var: "context" }), literal(members(shallow, 3))),
    decimal: extensionOf("decimal"),
    datetime: extensionOf("datetime"),
    duration: extensionOf("duration"),
    ip: extensionOf("ip"),
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
    decimal: mixed(operands.decimal),
    datetime: mixed(operands.datetime),
    duration: mixed(operands.duration),
    ip: mixed(operands.ip),
  }
}

/** What is looked up may be of any type. */
function lookupOf(of: Operands): fc.Arbitrary<Expr> {
  return fc.oneof({ arbitrary: attributeOf(of), weight: 2 }, { arbitrary: tagOf(of), weight: 1 })
}

function tagOf(of: Operands): fc.Arbitrary<Expr> {
  return pair(of.entity, tagName(of)).map((operands) => ({ getTag: operands }))
}

function tagName(of: Operands): fc.Arbitrary<Expr> {
  return fc.oneof({ arbitrary: literal(name), weight: 6 }, { arbitrary: of.text, weight: 1 })
}

/** Any function with any number of arguments. */
function callOf(of: Operands): fc.Arbitrary<Expr> {
  const args = fc.array(fc.oneof(of.text, of.decimal, of.datetime, of.duration, of.ip, of.any), { maxLength: 3 })
  return fc.tuple(fc.constantFrom(...FUNCTIONS.keys()), args).map(([fn, all]) => ({ [fn]: all }))
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
    pair(of.decimal, of.decimal),
    pair(of.datetime, of.datetime),
    pair(of.duration, of.duration),
    pair(of.ip, of.ip),
    pair(of.bool, of.any),
    pair(of.any, of.any),
  )
  const numbers = fc.oneof(
    { arbitrary: pair(of.long, of.long), weight: 3 },
    { arbitrary: pair(of.datetime, of.datetime), weight: 1 },
    { arbitrary: pair(of.duration, of.duration), weight: 1 },
  )
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
    pair(of.entity, tagName(of)).map((operands) => ({ hasTag: operands })),
    ...["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"].map((fn) =>
      called(fn, of.decimal, of.decimal),
    ),
    ...["isIpv4", "isIpv6", "isLoopback", "isMulticast"].map((fn) => called(fn, of.ip)),
    called("isInRange", of.ip, of.ip),
    callOf(of),
    choiceOf(of, of.bool),
    lookupOf(of),
  ]
}

function longsOf(of: Operands): fc.Arbitrary<Expr>[] {
  const numbers = pair(of.long, of.long)
  return [
    numbers.map((operands) => ({ "+": operands })),
    numbers.map((operands) => ({ "-": operands })),
    numbers.map((operands) => ({ "*": operands })),
    of.long.map((arg) => ({ neg: { arg } })),
    ...["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"].map((fn) => called(fn, of.duration)),
    choiceOf(of, of.long),
    lookupOf(of),
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
      decimal: tie("decimal"),
      datetime: tie("datetime"),
      duration: tie("duration"),
      ip: tie("ip"),
    },
    tie("any"),
  )
  const deep = (leaf: fc.Arbitrary<Expr>, ...nodes: fc.Arbitrary<Expr>[]) => fc.oneof({ maxDepth: 3 }, leaf, ...nodes)
  return {
    any: deep(leaves.any, of.bool, of.long, of.text, of.entity, of.set, of.record, lookupOf(of), callOf(of)),
    bool: deep(leaves.bool, ...booleansOf(of)),
    long: deep(leaves.long, ...longsOf(of)),
    text: deep(leaves.text, choiceOf(of, of.text), lookupOf(of)),
    entity: deep(leaves.entity, choiceOf(of, of.entity), lookupOf(of)),
    set: deep(
      leaves.set,
      fc.array(of.any, { maxLength: 3 }).map((items) => ({ Set: items })),
      fc.array(of.long, { maxLength: 3 }).map((items) => ({ Set: items })),
      lookupOf(of),
    ),
    record: deep(
      leaves.record,
      members(of.any, 3).map((items) => ({ Record: items })),
      lookupOf(of),
    ),
    decimal: deep(leaves.decimal, choiceOf(of, of.decimal), lookupOf(of)),
    datetime: deep(
      leaves.datetime,
      called("offset", of.datetime, of.duration),
      called("toDate", of.datetime),
      lookupOf(of),
    ),
    duration: deep(
      leaves.duration,
      called("durationSince", of.datetime, of.datetime),
      called("toTime", of.datetime),
      lookupOf(of),
    ),
    ip: deep(leaves.ip, choiceOf(of, of.ip), lookupOf(of)),
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
  tags: Record<string, CedarValueJson>
  parents: TypeAndId[]
}

/** About three in four of the pool are stored; parents need not be. */
export const entities: fc.Arbitrary<EntityJson[]> = fc
  .tuple(
    ...POOL.map((one, index) =>
      fc.record({
        uid: fc.constant(one),
        attrs: members(value, 4),
        // Actions have none.
        tags: one.type === "Action" ? fc.constant({}) : members(value, 3),
        parents: fc.subarray(POOL.slice(index + 1).filter((above) => one.type !== "Action" || above.type === "Action")),
        stored: fc.integer({ min: 0, max: 3 }),
      }),
    ),
  )
  .map((all) =>
    all.filter(({ stored }) => stored > 0).map(({ uid, attrs, tags, parents }) => ({ uid, attrs, tags, parents })),
  )

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
    work: new Work(Infinity),
  }
}
