import { expect, test } from "vitest"
import { isBelow, isPrivate, isSameResource, mayBeFetched } from "../../../src/core/encoding/url.ts"
import { AUDIENCE_ABOVE, LOOK_ALIKES } from "../../flow/resources-to-refuse.ts"

test.each([
  "https://keys.example/jwks",
  "https://keys.example:8443/jwks",
  "https://8.8.8.8/jwks",
  "https://[2606:4700::1111]/jwks",
  "https://127.evil.example/jwks",
  "https://10.example/jwks",
])("%s may be fetched", (url) => {
  expect(mayBeFetched(new URL(url), false)).toBe(true)
})

test.each([
  "http://keys.example/jwks",
  "ftp://keys.example/jwks",
  "https://user@keys.example/jwks",
  "https://localhost/jwks",
  "https://keys.localhost/jwks",
  "https://keys/jwks",
  "https://keys.internal/jwks",
  "https://keys.local./jwks",
  "https://127.0.0.1/jwks",
  // Other spellings of loopback, of the metadata service, of 10.0.0.1.
  "https://2130706433/jwks",
  "https://0x7f.1/jwks",
  "https://127.1/jwks",
  "https://169.254.169.254/latest",
  "https://0xa9fea9fe/latest",
  "https://012.0.0.1/jwks",
  "https://172.16.0.1/jwks",
  "https://172.31.255.255/jwks",
  "https://192.168.1.1/jwks",
  "https://100.64.0.1/jwks",
  "https://198.18.0.1/jwks",
  "https://224.0.0.1/jwks",
  "https://255.255.255.255/jwks",
  "https://0.0.0.0/jwks",
  "https://[::]/jwks",
  "https://[::1]/jwks",
  "https://[::ffff:10.0.0.1]/jwks",
  "https://[fe80::1]/jwks",
  "https://[fd00::1]/jwks",
  "https://[2002:a00:1::]/jwks",
  "https://[2001:db8::1]/jwks",
  "https://[64:ff9b::a00:1]/jwks",
  "https://[ff02::1]/jwks",
])("%s may not", (url) => {
  expect(mayBeFetched(new URL(url), false)).toBe(false)
})

test("neighbours of private ranges are public", () => {
  for (const host of [
    "172.15.0.1",
    "172.32.0.1",
    "100.63.0.1",
    "100.128.0.1",
    "192.167.1.1",
    "198.20.0.1",
    "223.0.0.1",
  ]) {
    expect(isPrivate(new URL(`https://${host}/`)), host).toBe(false)
  }
})

test("the local stack reaches loopback, and nothing else that is private", () => {
  expect(mayBeFetched(new URL("http://127.0.0.1:8788/keys"), true)).toBe(true)
  expect(mayBeFetched(new URL("http://[::1]:8788/keys"), true)).toBe(true)
  expect(mayBeFetched(new URL("http://localhost:8788/keys"), true)).toBe(true)
  expect(mayBeFetched(new URL("http://10.0.0.1/keys"), true)).toBe(false)
  expect(mayBeFetched(new URL("http://keys.example/keys"), true)).toBe(false)
})

test.each([
  ["https://api.example/crm/mcp", AUDIENCE_ABOVE],
  ["https://api.example/crm/mcp/", AUDIENCE_ABOVE],
  ["https://api.example/crm/", AUDIENCE_ABOVE],
  ["https://api.example/crm/a.b/..c/@x", `${AUDIENCE_ABOVE}/`],
  ["https://api.example/mcp", "https://api.example"],
  ["https://api.example/mcp", "https://api.example/"],
  ["http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080"],
  ["http://[::1]:8080/mcp", "http://[::1]:8080"],
])("%s is below %s", (url, above) => {
  expect(isBelow(url, above)).toBe(true)
})

test.each(Object.entries(LOOK_ALIKES))("%s is not below an audience", (_what, url) => {
  expect(isBelow(url, AUDIENCE_ABOVE)).toBe(false)
  expect(isSameResource(url, AUDIENCE_ABOVE)).toBe(false)
})

test.each([
  "urn:example:crm",
  "https://api.example/crm?tenant=1",
  "https://api.example/crm#a",
  "https://u@api.example/crm",
  "ftp://api.example/crm",
])("nothing is below %s", (audience) => {
  expect(isBelow(`${audience}/mcp`, audience)).toBe(false)
  expect(isBelow(`${audience}:mcp`, audience)).toBe(false)
})
