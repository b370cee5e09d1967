import { env } from "cloudflare:workers"
import { generateKeyPair } from "jose"
import { expect, test, vi } from "vitest"
import { REHEARSED_TOKEN } from "../../src/gateway/rehearsed-signatures.ts"
import { warmUp } from "../../src/gateway/warm-up.ts"
import { RecordLog } from "../../src/audit/record-log.ts"
import { recordKey } from "../../src/audit/record-key.ts"
import { cachedBundle } from "../../src/bundles/store.ts"
import { verifyDelegationToken } from "../../src/credentials/delegation-token.ts"
import { areOwnKeysDue } from "../../src/credentials/key-sets/own-keys.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith } from "../harness/gateways.ts"
import { openTask } from "../harness/agents.ts"
import { freshIsolate } from "../harness/isolate.ts"

test("goes the whole way of an allowed call, as far as that is pure, and verifies what it verifies", async () => {
  expect(await warmUp()).toBe(true)
})

test("asks the platform for nothing but cryptography that verifies: no clock, timer, random value, object or store", async () => {
  // Of all namespaces of objects.
  const objects: Env["LEDGER"] = Object.getPrototypeOf(env.LEDGER)
  const asked = [
    vi.spyOn(globalThis, "fetch"),
    vi.spyOn(globalThis, "setTimeout"),
    vi.spyOn(globalThis, "setInterval"),
    vi.spyOn(Date, "now"),
    vi.spyOn(console, "error"),
    ...(["getRandomValues", "randomUUID"] as const).map((name) => vi.spyOn(crypto, name)),
    ...OTHER_CRYPTOGRAPHY.map((name) => vi.spyOn(crypto.subtle, name)),
    ...(["get", "getWithMetadata", "list", "put", "delete"] as const).map((name) => vi.spyOn(env.BUNDLES, name)),
    ...(["get", "getByName", "idFromName", "idFromString", "newUniqueId"] as const).map((name) =>
      vi.spyOn(objects, name),
    ),
  ]
  await warmUp()
  for (const spy of asked) expect(spy).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})
/** All but to import a key, to verify and to hash. */
const OTHER_CRYPTOGRAPHY = [
  ...(["sign", "encrypt", "decrypt", "generateKey", "exportKey"] as const),
  ...(["deriveKey", "deriveBits", "wrapKey", "unwrapKey", "timingSafeEqual"] as const),
]

test("leaves no token, key, lease, bundle or record behind", async () => {
  await freshIsolate()
  await warmUp()
  const asked = vi.spyOn(Switchboard.prototype, "read")
  const sent = vi.spyOn(RecordLog.prototype, "append")
  expect(cachedBundle({ seq: 0, digest: "rehearsal" })).toBeNull()
  expect([areOwnKeysDue(Date.now()), recordKey()]).toEqual([true, null])
  // As if the ring had the key of the rehearsal: a token that is remembered would pass.
  const key = await generateKeyPair("ES256")
  const keys = { find: () => ({ key: key.publicKey, alg: "ES256" }) as const, published: async () => [] }
  const audiences = new Set(["https://rehearsal.invalid"])
  const verified = await verifyDelegationToken(REHEARSED_TOKEN, keys, "https://rehearsal.invalid", audiences, 1)
  expect(verified).toMatchObject({ denied: { what: "signature_invalid" } })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(asked).not.toHaveBeenCalled()
  expect(sent).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})

test("leaves nothing that opens anything", async () => {
  await freshIsolate()
  await publish(await yard())
  const { token } = await openTask()
  await warmUp()
  expect((await callWith(token, "/files")).code).toBe("ok")
  expect((await callWith(REHEARSED_TOKEN, "/files")).code).toBe("invalid_token")
  await freshIsolate()
})
