/** `narrowgate serve` by the packed file alone, on a Node of the operator's. */
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, expect, test } from "vitest"
import { freePort } from "../../dev/loopback.ts"
import { emptyPlace, NEWEST, OLDEST, type Place } from "./installed.ts"

let there: Place
beforeAll(async () => {
  there = await emptyPlace(OLDEST)
  await writeFile(join(there.directory, "package.json"), '{ "private": true, "allowScripts": { "workerd": true } }\n')
  expect((await there.run("npm", "install", "--no-audit", "--no-fund", there.tarball)).code).toBe(0)
}, 180_000)
afterAll(async () => there[Symbol.asyncDispose]())

test("it names the workerd that is missing", async () => {
  there.env["ISSUER"] = "https://authz.example"
  const missing = await there.narrowgate("serve")
  expect(missing.code).toBe(1)
  const [line = ""] = /npm install \S.*workerd@\S+/u.exec(missing.stderr) ?? []
  const [, ...command] = line.split(" ")
  expect((await there.run("npm", ...command, "--no-audit", "--no-fund")).code).toBe(0)
}, 120_000)

test.each([OLDEST, NEWEST])(
  "with that it serves on Node %s, is backed up, and stops",
  async (node) => {
    there.use(node)
    there.env["NARROWGATE_LISTEN"] = `127.0.0.1:${await freePort()}`
    const program = join(there.directory, "node_modules/.bin/narrowgate")
    const child = spawn(program, ["serve"], { cwd: there.directory, env: there.env, stdio: ["ignore", "pipe", "pipe"] })
    const [events, complaints] = [text(child.stdout), text(child.stderr)]
    const health = async (): Promise<number> =>
      fetch(`http://${there.env["NARROWGATE_LISTEN"]}/healthz`).then(
        ({ status }) => status,
        () => 0,
      )
    await expect.poll(health, { timeout: 20_000 }).toBe(200)
    expect(await there.narrowgate("serve", "backup", `backup-${node}`)).toMatchObject({ code: 0, stderr: "" })
    child.kill("SIGTERM")
    expect(await once(child, "exit")).toEqual([0, null])
    expect(await complaints).toBe("")
    for (const each of (await events).trim().split("\n"))
      expect(JSON.parse(each)).toMatchObject({ at: expect.any(String), event: expect.any(String) })
  },
  120_000,
)
