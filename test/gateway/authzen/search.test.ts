import { beforeEach, describe, expect, test } from "vitest"
import { askAccess, type AccessPath } from "../../harness/access.ts"
import { archive, publish } from "../../harness/bundles.ts"
import { freshIsolate } from "../../harness/isolate.ts"

beforeEach(freshIsolate)

const CAROL = { type: "user", id: "carol" }
const RECORD = { type: "record", id: "record-3" }
const READ = { name: "read" }

const found = async (path: AccessPath, question: object, who = "reading-room") => {
  const { status, body } = await askAccess(who, path, question)
  expect(status).toBe(200)
  return body.results
}

describe("a search", () => {
  beforeEach(async () => {
    await publish(archive())
  })

  test("finds what an evaluation would permit, in the asker's own words", async () => {
    expect(await found("search/subject", { subject: { type: "user" }, action: READ, resource: RECORD })).toEqual([
      CAROL,
    ])
    expect(await found("search/resource", { subject: CAROL, action: READ, resource: { type: "record" } })).toEqual([
      RECORD,
      { type: "record", id: "record-4" },
    ])
    expect(await found("search/action", { subject: CAROL, resource: RECORD })).toEqual([
      { name: "delete" },
      { name: "read" },
    ])
    const inWordsOfTheRules = [{ name: "discard" }, { name: "read" }]
    const asked = {
      subject: { type: "Archive::Person", id: "carol" },
      resource: { ...RECORD, type: "Archive::Record" },
    }
    expect(await found("search/action", asked, "plain")).toEqual(inWordsOfTheRules)
    const plain = {
      subject: { type: "Archive::Person" },
      action: READ,
      resource: { ...RECORD, type: "Archive::Record" },
    }
    expect(await found("search/subject", plain, "plain")).toEqual([{ ...CAROL, type: "Archive::Person" }])
  })

  test("goes by what is asserted of all candidates, where nothing is stored of one", async () => {
    const subject = { type: "user", properties: { role: "admin" } }
    const question = { subject, action: { name: "write" }, resource: { type: "record", id: "record-2" } }
    // Of carol another role is stored.
    expect((await found("search/subject", question))?.map(({ id }) => id)).toEqual(["alice", "bob"])
  })

  test("finds nothing of a kind that nobody declared, or by a name that nobody has", async () => {
    const nowhere = { subject: { type: "spaceship" }, action: READ, resource: RECORD }
    expect(await found("search/subject", nowhere)).toEqual([])
    expect(await found("search/subject", { ...nowhere, subject: { type: "__proto__" } })).toEqual([])
    expect(
      await found("search/subject", { subject: { type: "user" }, action: { name: "x" }, resource: RECORD }),
    ).toEqual([])
    expect(await found("search/action", { subject: { type: "user", id: "nobody" }, resource: RECORD })).toEqual([])
    // Whose name begins another's.
    expect(
      await found("search/resource", { subject: CAROL, action: READ, resource: { type: "Archive::Rec" } }),
    ).toEqual([])
  })

  test("asks about each action with the types of its own context", async () => {
    const actions = async (fee: string) =>
      askAccess(
        "reading-room",
        "search/action",
        `{"subject":{"type":"user","id":"carol"},"resource":{"type":"record","id":"record-3"},"context":{"fee":${fee}}}`,
      )
    expect((await actions("49")).body.results).toEqual([{ name: "delete" }, { name: "read" }])
    expect((await actions("49.5")).body.results).toEqual([{ name: "read" }])
    expect((await actions("50")).body.results).toEqual([{ name: "delete" }])
    const { body } = await actions("49.50001")
    expect([body.results, body.context?.code]).toEqual([[], "malformed_evaluation"])
  })

  test("says why it finds nothing where it cannot be decided", async () => {
    const question = { subject: { type: "user" }, action: READ, resource: RECORD, context: { hour: null } }
    const { body } = await askAccess("reading-room", "search/subject", question)
    expect([body.results, body.context?.code, body.page?.next_token]).toEqual([[], "malformed_evaluation", ""])
  })
})

describe("a page", () => {
  const PEOPLE = 2_500
  /** Every fifth of many: no page is full before its candidates are through. */
  const name = (index: number) => `person-${String(index).padStart(4, "0")}`
  const question = { subject: { type: "user" }, action: READ, resource: RECORD }

  beforeEach(async () => {
    const body = archive()
    const clerks = [{ type: "Archive::Team", id: "clerks" }]
    const people = Array.from({ length: PEOPLE }, (_, index) => ({
      uid: { type: "Archive::Person", id: name(index) },
      attrs: {},
      parents: index % 5 === 0 ? clerks : [],
    }))
    await publish({ ...body, entities: [...body.entities, ...people] })
  })

  const all = async (page: object): Promise<{ readonly pages: number; readonly ids: readonly unknown[] }> => {
    const ids: unknown[] = []
    let token = ""
    for (let pages = 1; ; pages += 1) {
      const asked = { ...question, page: { ...page, ...(token !== "" && { token }) } }
      const { status, body } = await askAccess("reading-room", "search/subject", asked)
      expect(status).toBe(200)
      expect(body.page?.count).toBe(body.results?.length)
      ids.push(...(body.results ?? []).map(({ id }) => id))
      token = body.page?.next_token ?? ""
      if (token === "") return { pages, ids }
      expect(pages).toBeLessThan(100)
    }
  }

  test("after the other holds each result once, whatever their size", async () => {
    const expected = ["carol", ...Array.from({ length: PEOPLE / 5 }, (_, index) => name(index * 5))]
    for (const [limit, pages] of [
      [7, 72],
      [100, 6],
      // A thousand candidates each: 2,503 in three.
      [1_000, 3],
      [1_000_000, 3],
    ] as const) {
      const { ids, pages: asked } = await all({ limit })
      expect(ids).toEqual(expected)
      expect([limit, asked]).toEqual([limit, pages])
    }
    expect((await all({})).ids).toEqual(expected)
  })

  test("is of fewer candidates where something is asserted of each, and none is missed", async () => {
    const asserting = { ...question, subject: { ...question.subject, properties: { shift: "late" } } }
    const ids: unknown[] = []
    let [token, pages] = ["", 0]
    do {
      const page = { limit: 1_000, ...(token !== "" && { token }) }
      const { body } = await askAccess("reading-room", "search/subject", { ...asserting, page })
      ids.push(...(body.results ?? []).map(({ id }) => id))
      token = body.page?.next_token ?? ""
      pages += 1
    } while (token !== "")
    expect(ids).toEqual(["carol", ...Array.from({ length: PEOPLE / 5 }, (_, index) => name(index * 5))])
    // Two hundred candidates each: 2,503 in thirteen.
    expect(pages).toBe(13)
  })

  test("of none says that there is more", async () => {
    const { body } = await askAccess("reading-room", "search/subject", { ...question, page: { limit: 0 } })
    expect(body.results).toEqual([])
    expect(body.page?.next_token).not.toBe("")
  })

  test("goes on with the very question only, of the very asker", async () => {
    const first = await askAccess("reading-room", "search/subject", { ...question, page: { limit: 2 } })
    const token = first.body.page?.next_token ?? ""
    const next = async (more: object, page: object = {}, who = "reading-room", path: AccessPath = "search/subject") =>
      (await askAccess(who, path, { ...question, ...more, page: { token, ...page } })).status
    expect(await next({})).toBe(200)
    expect(await next({}, { limit: 2 })).toBe(200)
    // What is not known is no part of the question, nor is the order of its members.
    expect(await next({ unknown: true })).toBe(200)
    expect(await next({}, { limit: 3 })).toBe(400)
    expect(await next({ action: { name: "write" } })).toBe(400)
    expect(await next({ subject: { type: "user", properties: { role: "clerk" } } })).toBe(400)
    expect(await next({ resource: { type: "record", id: "record-4" } })).toBe(400)
    expect(await next({ context: { hour: 1 } })).toBe(400)
    expect(await next({ subject: CAROL, resource: { type: "record" } }, {}, "reading-room", "search/resource")).toBe(
      400,
    )
    expect(await next({ subject: CAROL }, {}, "reading-room", "search/action")).toBe(400)
    expect(await next({}, {}, "plain")).toBe(400)
  })

  test("is not begun at a place that somebody made up", async () => {
    const first = await askAccess("reading-room", "search/subject", { ...question, page: { limit: 2 } })
    const token = first.body.page?.next_token ?? ""
    const text = new TextDecoder().decode(Uint8Array.fromBase64(token, { alphabet: "base64url" }))
    const encode = (json: string) =>
      new TextEncoder().encode(json).toBase64({ alphabet: "base64url", omitPadding: true })
    const made = [
      encode(text.replace(/person-\d+/, "person-2000")),
      encode(text.replace(",2,", ",999,")),
      encode("null"),
      encode("[]"),
      encode("{"),
      token.slice(0, -1),
      `${token}A`,
      "*",
      "x".repeat(100_000),
    ]
    for (const one of made) {
      expect((await askAccess("reading-room", "search/subject", { ...question, page: { token: one } })).status).toBe(
        400,
      )
    }
    for (const page of [{ limit: -1 }, { limit: 1.5 }, { limit: "1" }, { token: 1 }, "x"]) {
      expect((await askAccess("reading-room", "search/subject", { ...question, page })).status).toBe(400)
    }
  })
})
