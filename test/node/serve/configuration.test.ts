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

test.each([
  [{ NARROWGATE_LISTEN: "0.0.0.0:8787" }, "it listens on a port of 127.0.0.1 only, not on 0.0.0.0:8787"],
  [{ NARROWGATE_LISTEN: "*:8787" }, "it listens on a port of 127.0.0.1 only, not on *:8787"],
  [{ NARROWGATE_LISTEN: "127.0.0.1.example:8787" }, "not on 127.0.0.1.example:8787"],
  [{ NARROWGATE_LISTEN: "127.0.0.1:0" }, "not on 127.0.0.1:0"],
  [{ ISSUER: "https://authz.example" }, "its issuer is http://127.0.0.1:8787, not https://authz.example"],
])("with --trial, %j is refused in one sentence", async (environment, sentence) => {
  const message = await readConfiguration(null, environment, true).then(String, (error: Error) => error.message)
  expect(message).toMatch(/^--trial lets anybody who can connect sign in as anybody, so [^\n]*$/)
  expect(message).toContain(sentence)
})

test("only with --trial the Worker may fetch keys from loopback, and its issuer may be on it", async () => {
  const trial = await readConfiguration(null, {}, true)
  expect(bindingsOf(trial)).toMatchObject({ LOCAL: "true", ISSUER: "http://127.0.0.1:8787" })
  expect(bindingsOf(await read({}))).not.toHaveProperty("LOCAL")
  await expect(read({ ISSUER: "http://127.0.0.1:8787" })).rejects.toThrow("must be an https URL")
})
