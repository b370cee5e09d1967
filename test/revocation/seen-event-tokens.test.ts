import { env } from "cloudflare:workers"
import { runInDurableObject } from "cloudflare:test"
import { expect, test } from "vitest"
import { switchboard } from "../../src/revocation/switchboard.ts"
import { SeenEventTokens } from "../../src/revocation/seen-event-tokens.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"

freshIsolateForEach()

const NOW = 1_800_000_000_000
const TOKEN = { stream: "idp", jti: "1", digest: "a" }
const within = async (work: (told: SeenEventTokens) => void): Promise<void> =>
  runInDurableObject(switchboard(env), (_board, { storage }) => work(new SeenEventTokens(storage.sql)))

test("a token is known by its stream and its `jti`, and by what it told", async () => {
  await within((told) => {
    told.keep(TOKEN, NOW, NOW)
    expect(told.find(TOKEN)).toBe("repeated")
    expect(told.find({ ...TOKEN, digest: "b" })).toBe("reused")
    expect(told.find({ ...TOKEN, stream: "other" })).toBeNull()
    expect(told.find({ ...TOKEN, jti: "2" })).toBeNull()
    // No two that would read alike if they were only put together.
    expect(told.find({ ...TOKEN, stream: "id", jti: "p1" })).toBeNull()
  })
})

test("and stays so for as long as a clock that is behind could take it once more", async () => {
  await within((told) => {
    told.keep(TOKEN, NOW, NOW)
    told.keep({ ...TOKEN, jti: "2" }, NOW + 600_000, NOW + 120_000)
    expect(told.find(TOKEN)).toBe("repeated")
    told.keep({ ...TOKEN, jti: "3" }, NOW + 600_000, NOW + 120_001)
    expect(told.find(TOKEN)).toBeNull()
    expect(told.find({ ...TOKEN, jti: "2" })).toBe("repeated")
  })
})
