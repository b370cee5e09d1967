/** `narrowgate decisions export` and `verify`, against a Worker of our own. */
import { gunzipSync, gzipSync } from "node:zlib"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { JWK } from "jose"
import { expect, test } from "vitest"
import { logsOfWorker } from "../../../cli/records/newest-checkpoints.ts"
import { checkpointKeys, signatureCheck } from "../../../cli/records/signatures.ts"
import { ownStack } from "./own-stack.ts"
import { run } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")
const own = ownStack()
/** Not of a mere read, which is in another log. */
const REVOCATION = /"path":"\/v1\/revocations".*"log":"records-\d"/
const at = (): readonly string[] => ["--url", own().stack.origin, "--idp", own().stack.provider]

test("records are exported with what proves them, and a changed one is named", async () => {
  const file = join(own().directory, "records.ndjson.gz")
  const token = (await run(ROOT, ["token", "operator", ...at()])).stdout.trim()
  const revoked = await fetch(`${own().stack.origin}/v1/revocations`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ tool: "mail.send", confirm: true }),
  })
  expect(revoked.status, await revoked.text()).toBe(200)
  let said = ""
  const exported = async (): Promise<string> => {
    const written = await run(ROOT, ["decisions", "export", file, ...at()])
    expect(written.code, written.stderr).toBe(0)
    said = written.stderr
    return gunzipSync(await readFile(file)).toString()
  }
  await expect.poll(exported, { timeout: 60_000, interval: 1_000 }).toMatch(REVOCATION)
  const verified = await run(ROOT, ["decisions", "verify", file, ...at(), "--json"])
  expect(verified.code, verified.stdout).toBe(0)
  expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [], proven: expect.any(Number) })

  // Without a Worker: by the key that the export has printed, or by none.
  const [, reach = "", key = ""] = /had stored by (\S+);[^]*(--key [\w-]{43})\n$/.exec(said) ?? []
  expect(Date.now() - Date.parse(reach)).toBeLessThan(120_000)
  const alone = await run(ROOT, ["decisions", "verify", file, ...key.split(" ")])
  expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining(`linked with ${key.slice("--key ".length)}`)])
  const unpinned = await run(ROOT, ["decisions", "verify", file])
  expect([unpinned.code, unpinned.stdout]).toEqual([1, expect.stringMatching(/unpinned: [^]*The files have --key /)])

  const text = gunzipSync(await readFile(file)).toString()
  const changed = join(own().directory, "changed.ndjson.gz")
  await writeFile(changed, gzipSync(text.replace('"path":"/v1/revocations"', '"path":"/v1/revocation"')))
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
  expect(offline.stdout).toMatch(
    /^(?:[\w-]+: (?:no records|records \d+ to \d+, newest checkpoint at \d+ of \d{4}-[^;\n]+), all until \d{4}-[^;\n]+\n)+\d+ records, \d+ of them proven by \d+ checkpoints\nsigned by 1 keys, linked with [\w-]{43}\n$/,
  )
  const slash = await run(ROOT, ["decisions", "verify", file, "--keys", keys, "--url", `${own().stack.origin}/`])
  expect([slash.code, slash.stdout]).toEqual([0, offline.stdout])
  const foreign = await run(ROOT, ["decisions", "verify", file, "--keys", keys, "--issuer", "https://other.example"])
  expect(foreign.stdout).toMatch(/: foreign: /)

  // A whole log that is left out, and an end that is cut cleanly, with a checkpoint: the Worker knows of more.
  const sections = text.split(/(?=\{"header")/)
  const acted = sections.findIndex((section) => REVOCATION.test(section))
  const without = join(own().directory, "without.ndjson")
  await writeFile(without, sections.toSpliced(acted, 1).join(""))
  const missing = await run(ROOT, ["decisions", "verify", without, ...at()])
  expect([missing.code, missing.stdout]).toEqual([1, expect.stringMatching(/: missing: records-\d is in no file/)])
  expect(missing.stdout).toMatch(/^records-\d: no records; the Worker has \d+ more, up to \d{4}-/m)
  const bytes = gunzipSync(await readFile(file))
  const invalid = join(own().directory, "invalid.ndjson")
  await writeFile(invalid, Buffer.concat([bytes.subarray(0, 20), Buffer.of(0xff), bytes.subarray(20)]))
  const refused = await run(ROOT, ["decisions", "verify", invalid, "--keys", keys])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/invalid\.ndjson is no UTF-8/)])
  const again = await run(ROOT, ["decisions", "verify", file, without, ...at(), "--json"])
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
    0,
    { findings: [], proven: JSON.parse(verified.stdout).proven },
  ])

  // A Worker whose log is another one by now.
  const log = /"log":"(records-\d)"/.exec(sections[acted] ?? "")?.[1] ?? ""
  const keySet: { readonly keys: readonly JWK[] } = JSON.parse(await readFile(keys, "utf8"))
  const flawAt = async (size: number): Promise<string | null | undefined> => {
    const forgedLog = {
      log,
      from: 0,
      next: size,
      checkpoint: { size, root: new Uint8Array(32), at: null },
      until: null,
    }
    const worker = await logsOfWorker(
      { url: own().stack.origin },
      token,
      [forgedLog],
      signatureCheck(checkpointKeys(keySet.keys)),
    )
    return worker.find((each) => each.log === log)?.flaw
  }
  const size = Number(/"checkpoint":\{"log":"[^"]+","size":(\d+)/.exec(sections[acted] ?? "")?.[1])
  expect(await flawAt(size)).toBe(`the Worker has another checkpoint of ${log} at ${size}`)
  expect(await flawAt(9_999)).toBe(`the Worker has no checkpoint of ${log} at 9999`)

  const id = /"id":"(dec_\w+)"/.exec(sections[acted] ?? "")?.[1] ?? ""
  const answer = await fetch(`${own().stack.origin}/v1/decisions/${id}/receipt`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const saved = join(own().directory, "receipt.json")
  await writeFile(saved, await answer.text())
  const proven = await run(ROOT, ["decisions", "verify", saved, ...at()])
  expect(proven.stdout).toMatch(
    new RegExp(`^\\S+receipt\\.json: proves ${id}: allow, at \\d{4}-\\S+, position \\d+ of records-\\d, .*\\n$`),
  )
  const forged = join(own().directory, "forged.jwt")
  await writeFile(forged, "a.b.c")
  const bad = await run(ROOT, ["decisions", "verify", forged, ...at(), "--json"])
  expect([bad.code, JSON.parse(bad.stdout)]).toMatchObject([1, { findings: [{ flaw: "receipt" }], receipts: [] }])

  const beyond = await run(ROOT, ["decisions", "export", file, "--log", "looks", "--from", "99999", ...at()])
  expect([beyond.code, beyond.stderr]).toEqual([
    2,
    expect.stringMatching(/looks ends at \d+: it has no position 99999 yet/),
  ])
  const later = join(own().directory, "later.ndjson")
  expect((await run(ROOT, ["decisions", "export", later, "--log", "looks", "--since", "0s", ...at()])).code).toBe(0)
  expect(await readFile(later, "utf8")).not.toContain('"id"')
}, 120_000)
