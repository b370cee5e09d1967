/** The packed file on a Node that is too old for it: Debian and Ubuntu have one. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { narrowgateProgram } from "../../bin/program.ts"
import { emptyPlace, TOO_OLD, type Place } from "./installed.ts"

let there: Place
beforeAll(async () => {
  there = await emptyPlace(TOO_OLD)
  expect((await there.run("npm", "install", "--no-audit", "--no-fund", there.tarball)).code).toBe(0)
}, 120_000)
afterAll(async () => there[Symbol.asyncDispose]())

const LINE = `error: narrowgate needs Node.js 22.15 or newer, and this is ${TOO_OLD}\n  fix: Install `

test("every command names the Node that it needs, and does nothing", async () => {
  const { commands } = await narrowgateProgram()
  const before = await readdir(there.directory)
  const program = join(there.directory, "node_modules/.bin/narrowgate")
  for (const args of [[], ["--version"], ["--help"], ...commands.map((command) => [command.name()])]) {
    const ran = await there.run("node", program, ...args)
    expect({ args, ...ran }).toMatchObject({ args, code: 1, stdout: "", stderr: expect.stringContaining(LINE) })
  }
  expect(await readdir(there.directory)).toEqual(before)
}, 60_000)
