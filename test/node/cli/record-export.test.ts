/** `narrowgate decisions export` and `verify`, against a Worker of our own. */
import { gunzipSync, gzipSync } from "node:zlib"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ownStack } from "./own-stack.ts"
import { run } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")
const own = ownStack()
const at = (): readonly string[] => ["--url", own().stack.origin, "--idp", own().stack.provider]

test("records are exported with what proves them, and a changed one is named", async () => {
  const file = join(own().directory, "records.ndjson.gz")
  // The stack has published its policies, which is recorded.
  const exported = async (): Promise<string> => {
    const written = await run(ROOT, ["decisions", "export", file, ...at()])
    expect(written.code, written.stderr).toBe(0)
    return gunzipSync(await readFile(file)).toString()
  }
  await expect.poll(exported, { timeout: 60_000, interval: 1_000 }).toContain('"path":"/v1/bundles"')
  const verified = await run(ROOT, ["decisions", "verify", file, ...at(), "--json"])
  expect(verified.code, verified.stdout).toBe(0)
  expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [], proven: expect.any(Number) })

  const text = gunzipSync(await readFile(file)).toString()
  const changed = join(own().directory, "changed.ndjson.gz")
  await writeFile(changed, gzipSync(text.replace('"path":"/v1/bundles"', '"path":"/v1/bundle"')))
  const named = await run(ROOT, ["decisions", "verify", changed, ...at()])
  expect(named.code).toBe(1)
  expect(named.stdout).toMatch(/changed\.ndjson\.gz:\d+: changed: record dec_\w+ at \d+ of [\w-]+\n/)

  const [head = "", second = ""] = text.split("\n")
  await writeFile(changed, gzipSync(`${head}\n${`${second}\n`.repeat(150_000)}`))
  const many = await run(ROOT, ["decisions", "verify", changed, ...at()])
  expect(many.stdout).toMatch(/… and 1\d{5} more\n/)

  const keys = join(own().directory, "jwks.json")
  await writeFile(keys, await (await fetch(`${own().stack.origin}/.well-known/jwks.json`)).text())
  const offline = await run(ROOT, ["decisions", "verify", file, "--keys", keys, "--issuer", own().stack.origin])
  expect(offline.stdout).toMatch(/^\d+ records, \d+ of them proven by \d+ checkpoints; 0 receipts\n$/)
  const foreign = await run(ROOT, ["decisions", "verify", file, "--keys", keys, "--issuer", "https://other.example"])
  expect(foreign.stdout).toMatch(/: foreign: /)
}, 120_000)
