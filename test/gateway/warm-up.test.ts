import { env } from "cloudflare:workers"
import { expect, test, vi } from "vitest"
import { warmUp } from "../../src/gateway/warm-up.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith } from "../harness/gateways.ts"
import { openTask } from "../harness/agents.ts"
import { freshIsolate } from "../harness/isolate.ts"

test("goes the whole way of an allowed call, as far as that is pure", async () => {
  expect(await warmUp()).toBe(true)
})

test("asks no platform for anything that a Worker may not do while it starts", async () => {
  const asked = [
    vi.spyOn(globalThis, "fetch"),
    vi.spyOn(globalThis, "setTimeout"),
    vi.spyOn(crypto, "getRandomValues"),
    vi.spyOn(crypto, "randomUUID"),
    vi.spyOn(env.BUNDLES, "get"),
    vi.spyOn(console, "error"),
    ...(["digest", "importKey", "verify", "sign"] as const).map((name) => vi.spyOn(crypto.subtle, name)),
  ]
  await warmUp()
  for (const spy of asked) expect(spy).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})

test("leaves nothing that opens anything", async () => {
  await freshIsolate()
  await publish(await yard())
  const { token } = await openTask()
  await warmUp()
  expect((await callWith(token, "/files")).code).toBe("ok")
  expect(
    (await callWith("eyJhbGciOiJFUzI1NiIsImtpZCI6InJlaGVhcnNhbCIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA", "/files")).code,
  ).toBe("invalid_token")
  await freshIsolate()
})
