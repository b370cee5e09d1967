import { describe, expect, test } from "vitest"
import { entityStore, memberOf, overlay, readStore } from "../../../../src/core/policy/cedar/entities.ts"
import type { StoredEntity } from "../../../../src/core/policy/cedar/lowered.ts"
import { entity, record } from "../../../../src/core/policy/cedar/values/value.ts"

const ref = (id: string) => entity("G", id)
const stored = (id: string, ...parents: readonly string[]): StoredEntity => ({
  uid: { type: "G", id },
  attrs: {},
  parents: parents.map((parent) => ({ type: "G", id: parent })),
})
const keys = (...ids: readonly string[]) => new Set(ids.map((id) => ref(id).key))

describe("entityStore", () => {
  test("ancestors are transitive, whatever the order, and do not hold the entity itself", () => {
    const store = entityStore([stored("c", "d", "absent"), stored("a", "b", "c"), stored("b", "c"), stored("d")])
    expect(store.get(ref("a").key)?.ancestors).toEqual(keys("b", "c", "d", "absent"))
    expect(store.get(ref("b").key)?.ancestors).toEqual(keys("c", "d", "absent"))
    expect(store.get(ref("d").key)?.ancestors).toEqual(keys())
    expect(store.get(ref("absent").key)).toBeUndefined()
  })

  test.each([[[stored("a", "a")]], [[stored("a", "b"), stored("b", "c"), stored("c", "a")]]])(
    "refuses a cycle",
    (cycle) => {
      expect(() => entityStore(cycle)).toThrow(/member of itself/)
    },
  )

  test("two ways to the same ancestor are no cycle", () => {
    expect(() => entityStore([stored("a", "b", "c"), stored("b", "d"), stored("c", "d"), stored("d")])).not.toThrow()
  })

  test("read one by one they are the same, and a cycle is refused when it is met", () => {
    const all = [
      stored("c", "d", "absent"),
      { ...stored("a", "b", "c"), attrs: { n: 1 } },
      stored("b", "c"),
      stored("d"),
    ]
    const find = (among: readonly StoredEntity[]) => (key: string) => among.find(({ uid }) => ref(uid.id).key === key)
    const [whole, read] = [entityStore(all), readStore(find(all))]
    for (const id of ["a", "b", "c", "d", "absent"]) expect(read.get(ref(id).key)).toEqual(whole.get(ref(id).key))
    // Slices are remembered for the entity object.
    expect(read.get(ref("a").key)).toBe(read.get(ref("a").key))
    const cycle = readStore(find([stored("a", "b"), stored("b", "c"), stored("c", "a"), stored("d")]))
    expect(cycle.get(ref("d").key)?.ancestors).toEqual(keys())
    expect(() => cycle.get(ref("b").key)).toThrow(/member of itself/)
  })

  test("refuses an entity given twice and attributes that are no values", () => {
    expect(() => entityStore([stored("a"), stored("a")])).toThrow(/stored twice/)
    expect(() => entityStore([{ ...stored("a"), attrs: { score: 1.5 } }])).toThrow(/attribute "score" of entity G::"a"/)
    expect(() => entityStore([{ ...stored("a"), tags: { score: null } }])).toThrow(/tag "score" of entity G::"a"/)
  })

  test("reads attributes and tags in Cedar's format", () => {
    const owner = { __entity: { type: "User", id: "u" } }
    const read = entityStore([{ ...stored("a"), attrs: { owner, n: 1 }, tags: { t: owner } }]).get(ref("a").key)
    expect(read?.attrs).toEqual(
      record([
        ["owner", entity("User", "u")],
        ["n", 1n],
      ]),
    )
    expect(read?.tags).toEqual(record([["t", entity("User", "u")]]))
  })
})

describe("overlay", () => {
  const base = entityStore([stored("a", "b"), stored("b", "c")])

  test("an entity of the request wins, others stay", () => {
    const attrs = record([["x", 1n]])
    const store = overlay(base, [memberOf([], ref("a"), attrs, base)])
    expect(store.get(ref("a").key)).toEqual({ ref: ref("a"), attrs, tags: record([]), ancestors: new Set() })
    expect(store.get(ref("b").key)).toBe(base.get(ref("b").key))
    expect(base.get(ref("a").key)?.attrs.size).toBe(0)
  })

  test("memberOf takes in what the parents are members of, and refuses a cycle", () => {
    expect(memberOf([ref("a"), ref("x")], ref("new"), record([]), base).ancestors).toEqual(keys("a", "b", "c", "x"))
    expect(() => memberOf([ref("a")], ref("c"), record([]), base)).toThrow(/member of itself/)
    expect(() => memberOf([ref("z")], ref("z"), record([]), base)).toThrow(/member of itself/)
  })
})
