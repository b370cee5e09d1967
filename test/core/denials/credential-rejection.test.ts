import { describe, expect, test } from "vitest"
import { shownName } from "../../../src/core/denials/terms/credential-rejection.ts"
import { svid } from "../../harness/issuers.ts"

describe("a client's name in the record", () => {
  test.each([
    ["a name", "support-app", "support-app"],
    ["a SPIFFE ID", "spiffe://example.org/agent/support", "spiffe://example.org/agent/support"],
    ["a UUID", "0b3f1f1e-6f0e-4c5e-9d53-2a6b1c8e7f00", "0b3f1f1e-6f0e-4c5e-9d53-2a6b1c8e7f00"],
    ["a host of many parts", "eywa.keyboards.example.com", "eywa.keyboards.example.com"],
    ["control characters", "a\u001b[2Jb\nc", "a?[2Jb?c"],
    ["letters of elsewhere", "\u0430pp", "?pp"],
    ["a long text", "x".repeat(5_000), "x".repeat(64)],
  ])("%s", (_what, name, shown) => {
    expect(shownName(name)).toBe(shown)
  })

  test.each([null, undefined, 1, ["app"], { client: "app" }])("%j is none", (name) => {
    expect(shownName(name)).toBeNull()
  })

  test("no token, whole, in part or beside other text, is in it: its hash is", async () => {
    const token = await svid("first")
    const [header = "", claims = "", signature = ""] = token.split(".")
    for (const name of [
      token,
      `Bearer ${token}`,
      ` ${token}`,
      header,
      `${header}.${claims}`,
      `x.${claims}.${signature}`,
    ]) {
      const shown = shownName(name) ?? ""
      expect(shown).toMatch(/^a token, [0-9a-f]{16}$/)
      expect(token).not.toContain(shown)
    }
    expect(shownName(`${token}${"A".repeat(20_000)}`)).toBe("a token, too long")
  })
})
