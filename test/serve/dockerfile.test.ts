/** The steps of the Dockerfile, performed without Docker: what they install starts, as its user, and is healthy. */
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ISSUER } from "../../bench/servers/identities.ts"
import { freePort } from "../../dev/loopback.ts"
import { build, start, type Image } from "./dockerfile.ts"

const ROOT = join(import.meta.dirname, "../..")
const root = mkdtempSync(join(tmpdir(), "narrowgate-image-"))
// A user who is not root goes through it.
chmodSync(root, 0o755)

let image: Image
beforeAll(async () => {
  image = build(ROOT, root, await freePort())
}, 120_000)
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

test("its base is named without a registry, and its user is not root", () => {
  expect(image.base).toMatch(/^node:\d+-slim$/)
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(readFileSync(join(ROOT, ".dockerignore"), "utf8")).toMatch(/^\*\n!build\//)
})

test("its command serves, its check says so, it stores in its volume, and it stops in order", async () => {
  const running = start(image, image.command, { ISSUER })
  const [said, complaints] = [text(running.stdout ?? never()), text(running.stderr ?? never())]
  const healthy = async (): Promise<unknown> => (await once(start(image, image.healthCheck), "exit"))[0]
  await expect.poll(healthy, { timeout: 20_000, interval: 200 }).toBe(0)
  const [volume = ""] = image.volumes
  expect(statSync(join(volume, "narrowgate.json")).mode & 0o777).toBe(0o600)
  running.kill("SIGTERM")
  expect(await once(running, "exit")).toEqual([0, null])
  expect(await complaints).toBe("")
  expect(await said).toMatch(/"event":"serving"[^]*"event":"stopped"/)
  expect(await healthy()).toBe(1)
})

function never(): never {
  throw new Error("it has no output")
}
