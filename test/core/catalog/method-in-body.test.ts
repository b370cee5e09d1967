/** How much of a body is searched for another method: what is beyond that is refused, so that a search has a bound. */
import { describe, expect, test } from "vitest"
import type { Denial } from "../../../src/core/denials/denial.ts"
import { methodInBody } from "../../../src/core/catalog/method-in-body.ts"
import { METHOD_IN_ARGUMENT, METHOD_MAY_BE_IN_BODY } from "../../../src/core/catalog/method-override.ts"

const FORM = "application/x-www-form-urlencoded"
const MULTIPART = 'multipart/form-data; boundary="b"'
const MOST = 2_000

const denialOf = (contentType: string | null, text: string): Denial | null => {
  const headers = { contentType, mcpProtocolVersion: null, mcpMethod: null, mcpName: null, lastEventId: null }
  return methodInBody({ method: "POST", body: { kind: "whole", text }, headers })
}
const repeated = (count: number, itemOf: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => itemOf(at)).join("")

/** Bodies of so many names that each take long to search. */
const NAMES: Readonly<Record<string, readonly [type: string | null, bodyOf: (count: number) => string]>> = {
  "fields of a form": [FORM, (count) => repeated(count, (at) => `${at === 0 ? "" : "&"}a=1`)],
  "names of parts": [MULTIPART, (count) => repeated(count, () => 'Content-Disposition: form-data; name="a"\r\n')],
  "names of parts that two readers end differently": [
    MULTIPART,
    (count) => repeated(count / 2, () => 'Content-Disposition: form-data; name="a\\"b"\r\n'),
  ],
  "parts with a Content-ID": [MULTIPART, (count) => repeated(count, () => "Content-ID: a\r\n")],
  "members with an escape": ["text/plain", (count) => `{${repeated(count, (at) => `"\\u0061${at}":1,`)}`],
  "members that are not ASCII": ["text/plain", (count) => `{${repeated(count, (at) => `"é${at}":1,`)}`],
  "members that hold `method`": ["text/json", (count) => `{${repeated(count, (at) => `"method${at}":1,`)}`],
}

describe("a body is searched for another method up to 2,000 names, and refused beyond", () => {
  test.each(Object.entries(NAMES))("%s", (_what, [type, bodyOf]) => {
    expect(denialOf(type, bodyOf(MOST))).toBeNull()
    expect(denialOf(type, bodyOf(MOST + 2))).toBe(METHOD_MAY_BE_IN_BODY)
  })

  test("members with plain names count for nothing", () => {
    const body = `{${repeated(50_000, (at) => `"name${at}":"é\\n",`)}`
    expect(denialOf("application/x-ndjson", body)).toBeNull()
    expect(denialOf("application/x-ndjson", `${body}"_method":"DELETE"}`)).toBe(METHOD_IN_ARGUMENT)
  })
})

test("a name with escapes is read up to 384 characters, and refused beyond", () => {
  const bodyOf = (length: number): string => `{"${"a".repeat(length - 2)}\\n":1}`
  expect(denialOf("text/plain", bodyOf(384))).toBeNull()
  expect(denialOf("text/plain", bodyOf(385))).toBe(METHOD_MAY_BE_IN_BODY)
})

test.each<readonly [name: string, Denial]>([
  [String.raw`\u005Fmethod`, METHOD_IN_ARGUMENT],
  [String.raw`_method\n`, METHOD_IN_ARGUMENT],
  [String.raw`\t_method`, METHOD_IN_ARGUMENT],
  [String.raw`_\method`, METHOD_MAY_BE_IN_BODY],
  [String.raw`_method\n\q`, METHOD_MAY_BE_IN_BODY],
  [String.raw`\u5f`, METHOD_MAY_BE_IN_BODY],
  ["_method\n\\n", METHOD_MAY_BE_IN_BODY],
])("a member %s is one that some reader takes for _method, or that readers differ on", (name, denial) => {
  expect(denialOf("text/plain", `{"${name}":"DELETE"}`)).toBe(denial)
})

test.each([
  ["%5f%6d%65thod%00%ff", METHOD_IN_ARGUMENT],
  ["%5fmethod%00%zz", METHOD_IN_ARGUMENT],
  ["%EF%BC%BFmethod", METHOD_IN_ARGUMENT],
  ["%u005fmethod", METHOD_IN_ARGUMENT],
  [`${"%20".repeat(100)}%ff.method`, null],
  [`${"%20".repeat(100)}.method`, METHOD_IN_ARGUMENT],
  ["%e9_method", null],
])("of a field %s is decoded what can be decoded", (name, denial) => {
  expect(denialOf(FORM, `${name}=DELETE`)).toBe(denial)
})

describe("a Content-Type is searched for a charset up to 256 characters, and refused beyond", () => {
  test.each([FORM, "multipart/form-data", "application/json"])("%s", (type) => {
    const typeOf = (length: number): string => `${type}; a=`.padEnd(length, "charset")
    expect(denialOf(typeOf(256), "a=1")).toBeNull()
    expect(denialOf(typeOf(257), "a=1")).toBe(METHOD_MAY_BE_IN_BODY)
  })

  test("unless nobody reads fields from such a body", () => {
    expect(denialOf(`text/plain; a=${"a".repeat(1_000)}`, "a=1")).toBeNull()
  })
})
