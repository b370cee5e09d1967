/** What hostile input may not do to the parts of `narrowgate serve`, and to the claim. */
import { mkdtempSync, rmSync } from "node:fs"
import { createHmac } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, expect, test, vi } from "vitest"
import { readArchive } from "../../serve/archive.ts"
import { logLinesOf } from "../../serve/log.ts"
import { ClaimStorage } from "../../src/bundles/claim-storage.ts"

const place = mkdtempSync(join(tmpdir(), "narrowgate-hostile-"))
afterAll(() => rmSync(place, { recursive: true, force: true }))

test("a text with U+2028 does not tear an event of the log apart", async () => {
  const written: string[] = []
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0)
  const line = `${JSON.stringify({ event: "probe_failed", reason: "one\u2028two" })}\n`
  logLinesOf(Readable.from([Buffer.from(line)]), () => undefined)
  await sleep(50)
  spy.mockRestore()
  expect(written.map((each) => JSON.parse(each).event)).toEqual(["probe_failed"])
})

test.each(["x", 9_007_199_254_740_991, 4_102_444_800_000, -1])("a backup taken at %s is none", async (at) => {
  const file = join(place, `${at}.narrowgate`)
  const database = new DatabaseSync(file)
  database.exec("CREATE TABLE backup (version TEXT NOT NULL, taken_at INTEGER NOT NULL)")
  database.prepare("INSERT INTO backup VALUES ('0.1.0', ?)").run(at)
  database.close()
  await expect(readArchive(file)).rejects.toThrow()
})

test("strangers do not keep who has the secret from claiming the deployment", async () => {
  const database = new DatabaseSync(":memory:")
  const sql = {
    exec: (query: string, ...values: (string | number)[]) => {
      const rows = database.prepare(query).all(...values)
      return { toArray: () => rows }
    },
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of it as is used
  const storage = new ClaimStorage(sql as unknown as SqlStorage)
  const secret = "0f".repeat(32)
  const by = (secretOfClaimant: string) => ({
    statement: "s",
    proof: createHmac("sha256", secretOfClaimant).update("s").digest("base64url"),
    kid: "k",
    ownership: { issuer: "https://authz.example", publisherKeys: { keys: [] } },
  })
  for (let attempt = 0; attempt < 30; attempt++) await storage.claim(secret, by(`wrong ${attempt}`), Date.now())
  expect(await storage.claim(secret, by(secret), Date.now())).toBe("claimed")
})
