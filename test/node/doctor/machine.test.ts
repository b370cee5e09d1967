/** What `narrowgate doctor` says of the machine: each check with what makes it fail. */
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, test } from "vitest"
import { differing, judgeNeeded, judgeOptional } from "../../../cli/doctor/checks/packages.ts"
import { judgeWorkerd, withoutGlibc, workerdFrom } from "../../../cli/doctor/checks/platform.ts"
import { judgeProxy } from "../../../cli/doctor/checks/proxy.ts"
import { installedVersion } from "../../../cli/doctor/manifest.ts"
import { ownerOf } from "../../../cli/doctor/port-owner.ts"
import { duration } from "../../../cli/doctor/since.ts"
import { fits, isAtLeast } from "../../../cli/versions.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-doctor-"))
})
afterEach(() => rm(directory, { recursive: true }))

test.each([
  ["22.12.0", "22.12", true],
  ["22.11.9", "22.12", false],
  ["24.0.0", "22.12", true],
  ["20.20.2", "22.12", false],
  ["9.99.0", "20", false],
])("version %s where %s is needed: %s", (version, needed, is) => {
  expect(isAtLeast(version, needed)).toBe(is)
})

async function program(script: string): Promise<string> {
  const file = join(directory, "workerd")
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
  return file
}

describe("the Workers runtime", () => {
  it("is tried: what the loader says of a library is told", async () => {
    const found = await judgeWorkerd(
      await program("echo 'Error relocating: __isoc23_strtol: symbol not found' >&2; exit 127"),
    )
    expect(found).toMatchObject({ level: "warn", text: expect.stringContaining("symbol not found") })
    expect(found.fix).toContain("glibc")
  })

  it("is not tried where its C library is not", () => {
    expect(withoutGlibc({ header: { glibcVersionRuntime: "2.36" } })).toBeNull()
    const found = withoutGlibc({ header: {} })
    if (process.platform !== "linux") return
    expect(found).toMatchObject({ level: "warn", text: expect.stringContaining("another C library") })
  })

  it("that is not there, or hangs, is told as well", async () => {
    expect((await judgeWorkerd(join(directory, "nowhere"))).level).toBe("warn")
    const began = Date.now()
    expect((await judgeWorkerd(await program("exec sleep 20"))).level).toBe("warn")
    expect(Date.now() - began).toBeLessThan(5_000)
  })
})

describe("packages", () => {
  async function install(name: string, version: string, below = directory): Promise<void> {
    await mkdir(join(below, "node_modules", name), { recursive: true })
    await writeFile(join(below, "node_modules", name, "package.json"), JSON.stringify({ version }))
  }

  it("are those that were tested", async () => {
    await install("zod", "4.6.7")
    await install("@scope/part", "1.0.0")
    const wanted = { zod: "4.6.7", "@scope/part": "1.0.0" }
    expect(judgeNeeded(await differing(wanted, [directory]), 2)).toMatchObject({ level: "ok" })
  })

  it("that are missing, or of another version, are named", async () => {
    await install("zod", "3.0.0")
    const wrong = await differing({ zod: "4.6.7", jose: "6.2.18" }, [directory])
    expect(judgeNeeded(wrong, 2)).toMatchObject({
      level: "problem",
      text: "zod is 3.0.0, not 4.6.7; jose is not installed",
    })
    const optional = await differing({ miniflare: "^5.1.0", wrangler: "^4.0.0" }, [directory])
    expect(judgeOptional(optional)).toMatchObject([
      { level: "warn", fix: expect.stringMatching(/: npm install --save-dev --save-exact miniflare@\S+$/) },
      { level: "skipped", text: expect.stringContaining("`narrowgate deploy` needs it (npm install") },
    ])
  })

  it("of trials are not missed where it serves, and the other way round", async () => {
    const missing = await differing({ miniflare: "^5.1.0", workerd: "1.2.3", vitest: "^5.0.0" }, [directory])
    const told = (isServing: boolean) => judgeOptional(missing, isServing).map(({ level, text }) => [level, text])
    const of = (name: string, use: string) => expect.stringContaining(`${name} is not installed: ${use} needs it`)
    expect(told(true)).toEqual([
      ["skipped", of("miniflare", "`narrowgate dev`")],
      ["warn", of("workerd", "`narrowgate serve`")],
      ["skipped", of("vitest", "a test of yours in Vitest")],
    ])
    expect(told(false).map(([level]) => level)).toEqual(["warn", "skipped", "skipped"])
  })

  it("have workerd by itself, or with miniflare", async () => {
    const from = join(directory, "package.json")
    expect(workerdFrom([from])).toBeNull()
    await install("workerd", "1.2.3")
    const at = join(await realpath(directory), "node_modules/workerd/bin/workerd")
    expect(workerdFrom([from])).toBe(at)
  })

  it("that only a deployment needs have to fit if they are there", async () => {
    await install("wrangler", "3.0.0")
    const optional = await differing({ wrangler: "^4.0.0" }, [directory])
    expect(judgeOptional(optional)).toMatchObject([
      { level: "warn", text: expect.stringContaining("wrangler is 3.0.0, not ^4.0.0") },
    ])
  })

  it.each([
    ["5.2.0", "^5.1.9", true],
    ["5.20261102.0-beta", "^5.20261102.0-beta", true],
    ["5.1.8", "^5.1.9", false],
    ["6.0.0", "^5.1.9", false],
    ["5.2.0", "5.1.9", false],
  ])("of version %s fit %s: %s", (version, wanted, fit) => {
    expect(fits(version, wanted)).toBe(fit)
  })

  it("are found above, and where the command runs", async () => {
    await install("miniflare", "5.0.0")
    const [deep, elsewhere] = [join(directory, "a/b"), join(directory, "other")]
    await mkdir(deep, { recursive: true })
    await install("miniflare", "6.0.0", elsewhere)
    expect(await installedVersion("miniflare", deep)).toBe("5.0.0")
    expect(await differing({ miniflare: "6.0.0" }, [elsewhere, deep])).toEqual([])
  })
})

describe("a proxy", () => {
  it.each([
    ["none", {}, "ok"],
    ["for others alone", { HTTP_PROXY: "http://proxy:3128", NO_PROXY: "127.0.0.1,localhost" }, "ok"],
    ["for others alone, by a star", { https_proxy: "http://proxy:3128", no_proxy: "*" }, "ok"],
    ["for this machine too", { http_proxy: "http://proxy:3128" }, "warn"],
    ["for a name of this machine", { HTTP_PROXY: "http://proxy:3128", NO_PROXY: "127.0.0.1" }, "warn"],
    ["which Node heeds", { HTTP_PROXY: "http://proxy:3128", NODE_USE_ENV_PROXY: "1" }, "problem"],
    ["which Node heeds by an option", { ALL_PROXY: "http://proxy:1", NODE_OPTIONS: "--use-env-proxy" }, "problem"],
  ])("%s", (_what, env, level) => {
    expect(judgeProxy(env).level).toBe(level)
  })

  it("keeps what is excepted already", () => {
    const { fix } = judgeProxy({ HTTP_PROXY: "http://proxy:3128", NO_PROXY: "localhost,.corp.example" })
    expect(fix).toContain("NO_PROXY=localhost,.corp.example,127.0.0.1,")
  })
})

test("who listens on a port is known on Linux, and nowhere else", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const own = process.platform === "linux" ? { pid: process.pid, name: "node" } : null
  expect(await ownerOf(port)).toEqual(own)
  server.close()
  await once(server, "close")
  expect(await ownerOf(port)).toBeNull()
})

test.each([
  [0.4, "0 seconds"],
  [1, "1 second"],
  [-90, "1 minute"],
  [7_300, "2 hours"],
  [86_400, "1 day"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})
