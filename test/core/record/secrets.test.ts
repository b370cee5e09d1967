/** What opens something must not be readable in a stored record, wherever a caller has put it by mistake. */
import { expect, test } from "vitest"
import { recordOf, storedForm } from "../../../src/core/record/record.ts"

const part = (text: string): string =>
  new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true })
const signature = "S".repeat(86)
const jws = (header: string): string => `${part(header)}.${part('{"sub":"spiffe://a.b/c"}')}.${signature}`
const compact = jws('{"alg":"ES256"}')

test.each<readonly [string, string]>([
  ["compact JWS that is too short to be cut", compact],
  ["compact JWS whose header has white space", jws('{ "alg": "ES256" }')],
  ["compact JWS whose dots are encoded", compact.replaceAll(".", "%2e")],
  ["compact JWS of HMAC, whose signature is shorter", compact.replace(signature, "S".repeat(43))],
])("a %s is stored without its signature: in a path, an argument and a denial", (_, token) => {
  expect(token.length).toBeLessThan(256)
  const denial = { reason: "not_found", what: token } as const
  const fields = {
    kind: "management",
    path: `/v1/tasks/${token}`,
    arguments: { a: `Bearer ${token}` },
    denial,
  } as const
  const { body } = storedForm(recordOf({ id: "dec_1", at: 0, ...fields }))
  expect(body).not.toContain("SSSS")
  expect(body.split("[secret]")).toHaveLength(4)
})

test("what only looks similar stays: host names, versions and ids", () => {
  const path = "/examples.of.hosts/exchange-of-tokens.example.org/1.2.3/tsk_01J00000000000000000000000.1"
  expect(storedForm(recordOf({ id: "dec_1", at: 0, kind: "management", path })).body).toContain(path)
})
