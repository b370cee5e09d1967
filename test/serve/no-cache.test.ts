/** workerd without a cache, as on one machine: keys are read without one, and nothing is logged as a fault. */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, expect, test } from "vitest"
import { accepting, freePort, stop } from "../../dev/loopback.ts"

const ROOT = join(import.meta.dirname, "../..")
const WORKER = `import { readShared, writeShared } from "./src/credentials/key-sets/shared-cache.ts"
export default {
  async fetch() {
    const place = "https://id.example/jwks"
    await writeShared(place, { text: "{}", fetchedAt: Date.now(), sequence: null }, 60)
    return Response.json(await readShared(place))
  },
}`

let directory: string
let child: ChildProcess
let port: number
let said: Promise<string>
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-no-cache-"))
  const { build } = await import("esbuild")
  const stdin = { contents: WORKER, resolveDir: ROOT }
  await build({ stdin, bundle: true, format: "esm", outfile: join(directory, "worker.js"), logLevel: "error" })
  port = await freePort()
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-10-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`
  await writeFile(join(directory, "config.capnp"), config)
  const binary = createRequire(import.meta.url).resolve("workerd/bin/workerd")
  child = spawn(binary, ["serve", join(directory, "config.capnp")], { stdio: ["ignore", "pipe", "pipe"] })
  if (!child.stdout || !child.stderr) throw new Error("it has no output")
  said = Promise.all([text(child.stdout), text(child.stderr)]).then((both) => both.join(""))
  await accepting(child, port, () => "workerd ended")
})
afterAll(async () => {
  await stop(child)
  await rm(directory, { recursive: true })
})

test("nothing is shared, and nothing is said of it", async () => {
  const answer = await fetch(`http://127.0.0.1:${port}`)
  expect([answer.status, await answer.json()]).toEqual([200, null])
  await stop(child)
  expect(await said).toBe("")
})
