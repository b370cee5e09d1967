/** What `narrowgate serve` makes of its configuration. */
import { expect, test } from "vitest"
import { readConfiguration, type Configuration } from "../../../serve/configuration.ts"
import { bindingsOf } from "../../../serve/workerd-config.ts"

const read = async (environment: Readonly<Record<string, string>>): Promise<Configuration> =>
  readConfiguration(null, { ISSUER: "https://authz.example", ...environment })

test("only without publisher_keys there is something to claim: with an empty set nobody publishes", async () => {
  const absent = bindingsOf(await read({}))
  expect(absent["CLAIM"]).toMatch(/^[0-9a-f]{64}$/)
  expect(absent).not.toHaveProperty("PUBLISHER_KEYS")
  const empty = bindingsOf(await read({ PUBLISHER_KEYS: '{"keys":[]}' }))
  expect(empty).not.toHaveProperty("CLAIM")
  expect(empty["PUBLISHER_KEYS"]).toBe('{"keys":[]}')
})

test("a trusted proxy is believed however its address is written", async () => {
  const given = "0:0:0:0:0:0:0:1, 2001:DB8::0:7, ::ffff:10.0.0.2, 127.0.0.1"
  expect((await read({ NARROWGATE_TRUSTED_PROXIES: given })).trusted_proxies).toEqual([
    "::1",
    "2001:db8::7",
    "10.0.0.2",
    "127.0.0.1",
  ])
})
