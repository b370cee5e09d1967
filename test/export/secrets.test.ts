/** The secrets that sinks.yaml names: what cannot be read is none, and nothing else suffers for it. */
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { configOf } from "../../src/platform/config.ts"

const config = (text: string) => configOf({ ...env, ...{ SINK_SECRETS: text } })

test("secrets are read by their names, and by no others", () => {
  expect(config('{"key":"x","__proto__":"y"}').sinkSecrets.get("key")).toBe("x")
  expect(config("{}").sinkSecrets.get("constructor")).toBeUndefined()
})

test.each(["", "no JSON", "[]", "null", '{"key":["x"]}', '{"key":""}'])("%j is as if it were not there", (text) => {
  const read = config(text)
  expect(read.sinkSecrets.size).toBe(0)
  expect(read.issuer).toBe("https://authz.example")
})
