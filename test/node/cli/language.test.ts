/** The command is one language: an option means the same wherever it stands. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Command } from "commander"
import { afterAll, beforeAll, expect, it } from "vitest"
import { narrowgateProgram } from "../../../bin/program.ts"
import { EXAMPLE } from "./own-stack.ts"
import { run } from "./run.ts"

let directory = ""
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-language-"))
})
afterAll(async () => rm(directory, { recursive: true }))

function allBelow(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allBelow)]
}

it("has one form for each option that several commands share", async () => {
  const forms = new Map<string, Set<string>>()
  for (const { options } of allBelow(await narrowgateProgram()))
    for (const { long, flags } of options)
      if (["--policies", "--arguments", "--url", "--records"].includes(long ?? ""))
        forms.set(long ?? "", (forms.get(long ?? "") ?? new Set()).add(flags))
  expect([...forms].filter(([, all]) => all.size > 1)).toEqual([])
  expect(forms.size).toBe(4)
})

it("takes --policies in every command about a policy directory", async () => {
  const about = allBelow(await narrowgateProgram()).filter(({ registeredArguments: [first], parent }) => {
    return first?.name() === "DIR" && parent !== null
  })
  const without = about.filter(({ options }) => !options.some(({ long }) => long === "--policies"))
  // It creates the directory.
  expect(without.map((command) => command.name())).toEqual(["init"])
  expect(about.length).toBeGreaterThan(6)
})

it.each(["check", "test", "doctor"])("%s reads the directory of --policies", async (command) => {
  const named = await run(directory, [command, "--policies", EXAMPLE, "--json"])
  const asBefore = await run(directory, [command, EXAMPLE, "--json"])
  if (command !== "doctor") expect(named.stdout).toBe(asBefore.stdout)
  expect(named.stdout).toContain('"ok":')
  const nothing = await run(directory, [command, "--policies", "nowhere"])
  expect(nothing.stdout + nothing.stderr).toContain("nowhere")
})

it("refuses two directories", async () => {
  const both = await run(directory, ["check", "one", "--policies", "two"])
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be one and two") })
})

const CALL = ["explain", "--call", "mail.send", "--policies", EXAMPLE] as const
it.each([
  ["alice", 0, /mail\.send would be/u],
  ["http://127.0.0.1:8788|alice", 0, /mail\.send would be/u],
  ["https://nobody.example|alice", 2, /no issuer is https:\/\/nobody\.example/u],
])("names the user %s as records do", async (user, code, text) => {
  const args = [...CALL, "--agent", "spiffe://example.org/agent/support", "--user", user, "--group", "support"]
  const explained = await run(directory, args)
  expect(explained.code).toBe(code)
  expect(explained.stdout + explained.stderr).toMatch(text)
})

it.each([
  ["check", "--polices", "--policies"],
  ["try", "--argument", "--arguments"],
  ["explain", "--usr", "--user"],
  ["dev", "--frsh", "--fresh"],
])("%s names the option that is nearest to %s", async (command, typed, meant) => {
  expect(await run(directory, [command, typed, "x"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`(Did you mean ${meant}?)`),
  })
})
