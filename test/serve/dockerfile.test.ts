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
let port: number
beforeAll(async () => {
  port = await freePort()
  image = build(ROOT, root, port)
}, 120_000)
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

test("its base is named without a registry, and its user is not root", () => {
  expect(image.base).toMatch(/^node:\d+-slim$/)
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
})

test("what it copies is all that is sent to Docker", () => {
  const sent = image.sources.map((source) => `!${source}\n`)
  expect(readFileSync(join(ROOT, ".dockerignore"), "utf8")).toBe(`*\n${sent.join("")}`)
})

test("its command serves, its check says so, it stores in its volume, and it stops in order", async () => {
  const running = start(image, image.command, { ISSUER })
  const [said, complaints] = [text(running.stdout ?? never()), text(running.stderr ?? never())]
  const healthy = async (): Promise<unknown> => (await once(start(image, image.healthCheck), "exit"))[0]
  await expect.poll(healthy, { timeout: 20_000, interval: 200 }).toBe(0)
  // Docker publishes a port at an address of the container that is not its 127.0.0.1.
  if (process.platform === "linux") expect((await fetch(`http://127.0.0.2:${port}/healthz`)).status).toBe(200)
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
