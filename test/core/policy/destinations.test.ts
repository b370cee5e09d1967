/** Which URLs of a bundle its Worker never requests. */
import { describe, expect, test } from "vitest"
import {
  loopbackAccess,
  refusedDestinations,
  LOOPBACK_ACCESS,
  type LoopbackAccess,
} from "../../../src/core/policy/destinations.ts"
import { documentUrl } from "../../../src/core/policy/definition/keys.ts"
import { mayBeFetched } from "../../../src/core/encoding/url.ts"
import type { IssuerDefinition } from "../../../src/core/policy/definition/issuers.ts"
import type { ReceiverDefinition } from "../../../src/core/policy/definition/receivers.ts"
import type { SinkDefinition } from "../../../src/core/policy/definition/sinks.ts"

const issuer = (url: string): IssuerDefinition => ({
  id: "corp",
  issuer: url,
  keys: { kind: "discovery" },
  algorithms: ["ES256"],
})
const sink = (url: string): SinkDefinition => ({
  id: "collector",
  kind: "ocsf",
  url,
  headers: {},
  logs: ["records"],
  kinds: ["call"],
  batch: { records: 500, bytes: 1_000_000 },
  denies: [],
})
const receiver = (url: string): ReceiverDefinition => ({
  id: "desk",
  format: "standard",
  url,
  events: ["task.revoked"],
  arguments: false,
})
const naming = (url: string) => ({ issuers: [issuer(url)], sinks: [sink(url)], receivers: [receiver(url)] })
const refused = (url: string, access: LoopbackAccess): readonly string[] =>
  refusedDestinations(naming(url), access).map(({ kind }) => kind)
const ALL = ["issuer", "sink", "receiver"]

describe("a bundle names what its Worker never requests", () => {
  test.each(LOOPBACK_ACCESS)("no public https host, whatever it may request of its machine: %s", (access) => {
    expect(refused("https://id.example.com", access)).toEqual([])
  })

  test.each([
    "http://id.example.com",
    "https://10.0.0.1",
    "https://169.254.169.254",
    "https://id.internal",
    "https://id",
    "https://user:password@id.example.com",
  ])("%s, whatever it may request of its machine", (url) => {
    for (const access of LOOPBACK_ACCESS) expect([access, refused(url, access)]).toEqual([access, ALL])
  })

  test.each(["http://127.0.0.1:8788", "http://localhost:1", "http://[::1]:1", "https://127.8.9.1"])(
    "%s, unless it may request that of its machine",
    (url) => {
      expect(refused(url, "nothing")).toEqual(ALL)
      expect(refused(url, "sinks")).toEqual(["issuer"])
      expect(refused(url, "everything")).toEqual([])
    },
  )

  test("keys at a URL of their own, and none in the policies", () => {
    const at = (keys: IssuerDefinition["keys"]) => ({
      ...naming("https://id.example.com"),
      issuers: [{ ...issuer("https://id.example.com"), keys }],
    })
    const uri = "http://127.0.0.1:1/jwks"
    for (const kind of ["jwks_uri", "spiffe_bundle"] as const)
      expect(refusedDestinations(at({ kind, uri }), "sinks")).toEqual([{ kind: "issuer", id: "corp", url: uri }])
    expect(refusedDestinations(at({ kind: "inline", jwks: { keys: [] } }), "nothing")).toEqual([])
  })
})

test("it requests what its settings say", () => {
  expect(loopbackAccess({ local: false, sendsToLoopback: false })).toBe("nothing")
  expect(loopbackAccess({ local: false, sendsToLoopback: true })).toBe("sinks")
  expect(loopbackAccess({ local: true, sendsToLoopback: true })).toBe("everything")
})

test("discovery is below the issuer, with and without a slash at its end", () => {
  for (const url of ["https://id.example.com/realms/a", "https://id.example.com/realms/a/"]) {
    const found = documentUrl(issuer(url))
    expect(found).toBe("https://id.example.com/realms/a/.well-known/openid-configuration")
    expect(mayBeFetched(new URL(found ?? ""), false)).toBe(true)
  }
})
