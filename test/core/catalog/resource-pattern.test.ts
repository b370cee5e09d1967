/** Which entry the URI of a resource is: by the text that the server reads, or none. */
import { describe, expect, test } from "vitest"
import {
  entryOfTemplate,
  matchResource,
  patternOfTemplate,
  readResourcePattern,
} from "../../../src/core/catalog/resource-pattern.ts"
import { readResourceUri } from "../../../src/core/catalog/resource-uri.ts"
import { CATALOGUED, HOSTILE_URIS } from "../../harness/hostile-uris.ts"

const match = (uri: string) => matchResource(CATALOGUED, uri)

describe("a URI is a call of the most specific entry", () => {
  test.each<readonly [uri: string, tool: string, values: Readonly<Record<string, string>>]>([
    ["file:///notes/a", "docs.notes", { path: "a" }],
    ["file:///notes/a/b.txt", "docs.notes", { path: "a/b.txt" }],
    ["file:///notes/secret", "docs.secret", {}],
    ["file:///notes/secret/a", "docs.notes", { path: "secret/a" }],
    ["db://tables/orders", "docs.table", { table: "orders" }],
    ["db://tables/salaries", "docs.salaries", {}],
    ["db://tables/salaries/rows/7", "docs.row", { table: "salaries", row: "7" }],
    ["https://docs.example/pages/a", "docs.page", { page: "a" }],
    ["note:a", "docs.note", { name: "a" }],
    ["note:a?version=latest", "docs.latest", { name: "a" }],
    ["greeting://World", "docs.greeting", { name: "World" }],
    ["note:ab:80", "docs.note", { name: "ab:80" }],
    // Templates are expanded so by clients (RFC 6570, section 3.2.2).
    ["note:a%20b%40c", "docs.note", { name: "a b@c" }],
    ["note:%C3%A9", "docs.note", { name: "é" }],
  ])("%s", (uri, tool, values) => {
    expect(match(uri)).toEqual({ tool, values: { uri, ...values } })
  })

  test.each([
    "file:///notes",
    "db://tables",
    "db://other/orders",
    "db://tables/orders/rows",
    "db://tables/orders?all",
    "db://tables/orders#all",
    "note:a?version=latest&x",
    "note:a?version=LATEST",
    "other:a",
  ])("%s is of none", (uri) => {
    expect(match(uri)).toBeNull()
  })
})

describe("what two readers could read differently is refused:", () => {
  test.each(HOSTILE_URIS)("%s", (_what, uri) => {
    expect(match(uri)).toEqual({ objection: expect.any(String) })
  })

  test.each([
    "file:///notes/SECRET",
    "file:///notes/Secret.txt",
    "file:///notes/secret.",
    "file:///notes/%20secret",
    "db://tables/Salaries",
    "db://TABLES/salaries",
    // In letters of another width, which databases compare as the plain one; with a character that file systems leave out.
    "db://tables/%EF%BD%93alaries",
    "db://tables/sal%E2%80%8Caries",
    // With an accent, which MySQL compares as without; quoted, and in a schema.
    "db://tables/s%C3%A1laries",
    "db://tables/%22salaries%22",
    "db://tables/%60Salaries%60",
    "db://tables/public.salaries",
    "db://tables/main.%22salaries%22",
  ])("%s, which is another entry's to some", (uri) => {
    const read = match(uri)
    // With no entry of its own it is of none.
    expect(read && "objection" in read ? read.objection : read).toBe(
      uri.includes("TABLES") ? null : "is another entry's to some readers",
    )
  })

  test("a URL parser leaves what is accepted as it is, and the parts make up the whole", () => {
    for (const uri of ["db://tables/a", "note:a/b?c#d", "https://docs.example/", "file:///a", "file:///C:/a"]) {
      const read = readResourceUri(uri)
      if ("objection" in read) throw new Error(read.objection)
      expect(new URL(uri).href).toBe(uri)
      const scheme = /^[a-z]+:(?:\/\/)?/.exec(uri)?.[0] ?? ""
      expect(scheme + read.segments.join("/") + read.frame.slice(scheme.length)).toBe(uri)
    }
  })
})

describe("a pattern", () => {
  test.each(["db://{table}", "db://{+rest}", "xx:x", "file:///{+path}", "https://docs.example/", "note:{a}/{b}?c=d#e"])(
    "may be %s",
    (pattern) => {
      expect(readResourcePattern(pattern)).toHaveProperty("parts")
    },
  )

  test.each([
    "db://tables/{table}/",
    "db://tables/x{table}",
    "db://tables/{table}.csv",
    "db://{+rest}/a",
    "db://tables/{a}/{a}",
    "db://tables/{uri}",
    "db://tables/{}",
    "db://tables/{a-b}",
    "note:{a}?b={c}",
    "{scheme}://a",
    "db://tables/../a",
    "tables/{table}",
    "https://docs.example",
    "https://{host}/a/../b",
    "*",
  ])("may not be %s", (pattern) => {
    expect(readResourcePattern(pattern)).toHaveProperty("objection")
  })
})

describe("a template of a server", () => {
  test.each<readonly [template: string, tool: string | null]>([
    ["db://tables/{name}", "docs.table"],
    ["db://tables/{name}{?limit,offset}", "docs.table"],
    ["db://tables/{name}.csv", "docs.table"],
    ["db://tables/salaries", "docs.salaries"],
    ["db://tables/{+name}", null],
    ["db://tables/{a}/rows/{b}", "docs.row"],
    ["file:///notes/{+path}", "docs.notes"],
    ["file:///notes/{path*}", "docs.notes"],
    ["file:///notes/{a}/{b}", "docs.notes"],
    ["file:///{+path}", null],
    ["other://{a}", null],
    ["db://tables/{", null],
    ["note:{a}", "docs.note"],
    ["note:x{a}", "docs.note"],
    ["{+uri}", null],
  ])("%s is of the entry %s", (template, tool) => {
    expect(entryOfTemplate(CATALOGUED, template)).toBe(tool)
  })

  test("is a pattern if one says the same", () => {
    expect(patternOfTemplate("db://a/{b}")).toBe("db://a/{b}")
    expect(patternOfTemplate("files://{path*}")).toBe("files://{+path}")
    for (const template of ["db://a/{b}.csv", "db://a{?b}", "db://a{/b*}", "a/{b}"]) {
      expect(patternOfTemplate(template)).toBeNull()
    }
  })
})
