import { expect, test } from "vitest"
import { trustDomainOf } from "../../src/credentials/spiffe-id.ts"

test("the trust domain of a SPIFFE ID", () => {
  expect(trustDomainOf("spiffe://example.org/a")).toBe("example.org")
  expect(trustDomainOf("spiffe://example.org")).toBe("example.org")
  for (const id of ["http://example.org/a", "spiffe://user@example.org/a", "spiffe://example.org:8/a", "spiffe:///a"]) {
    expect(trustDomainOf(id)).toBeNull()
  }
})
