/** What `httpDecisions` takes: a key goes to no machine without TLS, and a slip is an error at the start. */
import { expect, test } from "vitest"
import { httpDecisions } from "../../../server/index.ts"

test("the key is sent without TLS to no other machine, unless that is stated", () => {
  for (const url of ["http://127.0.0.1:8787", "http://localhost:8787", "http://[::1]:8787", "https://authz.example"])
    expect(() => httpDecisions({ url, key: "k" })).not.toThrow()
  expect(() => httpDecisions({ url: "http://authz.internal", key: "k", allowHttp: true })).not.toThrow()
})

test.each([
  { timeout: 0 },
  { timeout: 30_001 },
  { timeout: Number.NaN },
  { key: "" },
  { key: undefined },
  { key: "k\n2" },
  { url: "http://authz.example" },
  { url: "http://127.0.0.1.evil.example" },
  { url: "ftp://authz.example", allowHttp: true },
])("options that are none: %o", (options: object) => {
  expect(() => httpDecisions({ url: "https://authz.example", key: "k", ...options })).toThrow(TypeError)
})
