/** What a stranger gets by `npm install narrowgate`: the whole command, in a directory that knows no repository. */
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { ChildProcess } from "node:child_process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startEverything, type Upstream } from "../../dev/upstreams.ts"
import { freePort, twoFreePorts } from "../../dev/loopback.ts"
import { install, pack, type Installed } from "./installed.ts"

const AGENT = ["--agent", "spiffe://example.org/agent/assistant", "--login", "alice"] as const

let tarball: string
let everything: Upstream
beforeAll(async () => {
  tarball = await pack()
  everything = await startEverything({ port: 0 })
}, 120_000)
afterAll(async () => everything.close())

/** Reads until a line begins so. */
async function untilSaid(child: ChildProcess, start: string): Promise<string> {
  if (!child.stdout) throw new Error("it has no output")
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith(start)) return line
  throw new Error(`it has ended without "${start}"`)
}

describe.each(["22", "24"])("on Node %s", (node) => {
  let there: Installed
  beforeAll(async () => {
    there = await install(tarball, node)
  }, 180_000)
  afterAll(async () => there[Symbol.asyncDispose]())

  test("it runs on that version, with nothing for the local stack", async () => {
    const { stdout } = await there.npm("exec", "--", "node", "--version")
    expect(stdout).toMatch(new RegExp(`^v${node}\\.`))
    expect(await there.narrowgate("--version")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
    })
    const dev = await there.narrowgate("dev")
    expect([dev.code, dev.stderr]).toEqual([
      1,
      expect.stringMatching(/fix: Install them: npm install --save-dev miniflare@\S+ oidc-provider@\S+\n$/),
    ])
  })

  test("policies of a server are written, checked and tested there", async () => {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const made = await there.narrowgate(
      "init",
      "--mcp",
      everything.url,
      "--server",
      "everything",
      "--origin",
      origin,
      "--yes",
    )
    expect(made).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("\n  npx narrowgate dev --policies policies --gateway\n"),
    })
    expect(await there.narrowgate("check")).toMatchObject({ code: 0, stdout: expect.stringContaining("no problems") })
    expect((await there.narrowgate("test")).code).toBe(0)
  })

  test("a document of an API is read there", async () => {
    const document = { openapi: "3.1.0", info: {}, paths: { "/notes/{note}": { get: { operationId: "readNote" } } } }
    await writeFile(join(there.directory, "notes.json"), JSON.stringify(document))
    const made = await there.narrowgate("init", "notes", "--openapi", "notes.json", "--server", "notes", "--yes")
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("notes: written, and it checks") })
  })

  describe("with the local stack's packages", () => {
    let fix: string
    beforeAll(async () => {
      const { stderr } = await there.narrowgate("dev")
      fix = /npm (install .*)\n/.exec(stderr)?.[1] ?? ""
      const { code, stderr: failed } = await there.npm(...fix.split(" "))
      if (code !== 0) throw new Error(failed)
    }, 180_000)

    test("a call is allowed and another denied, and the stack ends wholly with npm", async () => {
      for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"] as const) {
        const port = await twoFreePorts()
        const dev = there.start("dev", "--port", String(port), "--gateway")
        await untilSaid(dev, "Behind a gateway")
        const where = ["--url", `http://127.0.0.1:${port}`]
        const attempt = async (tool: string, ...args: readonly string[]) =>
          there.narrowgate("try", tool, ...args, ...AGENT, ...where)
        expect(await attempt("everything.echo", "--arguments", '{"message":"hi"}')).toMatchObject({
          code: 0,
          stdout: expect.stringContaining("Echo: hi"),
        })
        expect((await attempt("everything.get-env")).code).toBe(1)
        dev.kill(signal)
        await once(dev, "close")
        await expect
          .poll(
            async () =>
              fetch(`http://127.0.0.1:${port}/healthz`).then(
                () => "up",
                () => "down",
              ),
            { timeout: 10_000 },
          )
          .toBe("down")
      }
    }, 120_000)
  })
})
