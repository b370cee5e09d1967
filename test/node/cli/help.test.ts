/** Each command's `--help` shows how it is used; what prints data prints it as JSON too. */
import type { Command } from "commander"
import { expect, it } from "vitest"
import { narrowgateProgram } from "../../../bin/program.ts"
import { run } from "./run.ts"

/** What they print is for a person alone, or for a shell. */
const WITHOUT_DATA = ["backup", "deploy", "dev", "export", "login", "logout", "restore", "completion"]

const COMMANDS = below(await narrowgateProgram())

function below({ commands }: Command): Command[] {
  return commands.flatMap((command) => [command, ...below(command)])
}

function helpOf(command: Command): string {
  let text = ""
  command.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp()
  return text
}

it("has examples of each command, which begin as it is called", () => {
  expect(COMMANDS.length).toBeGreaterThan(20)
  for (const command of COMMANDS) {
    expect(command.description(), command.name()).toMatch(/\S/u)
    expect(helpOf(command), command.name()).toMatch(/\nExamples?:\n(?: {2}.*\n)*? {2}.*narrowgate /u)
  }
})

it("offers JSON wherever a command answers", () => {
  const silent = COMMANDS.filter(
    ({ commands, options }) => commands.length === 0 && !options.some(({ long }) => long === "--json"),
  ).map((command) => command.name())
  expect(silent.toSorted()).toEqual(WITHOUT_DATA.toSorted())
})

it("tells the exit codes", async () => {
  const { code, stdout } = await run(import.meta.dirname, ["import", "mcp", "--help"])
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/\nExit codes: 0 ok, 1 refused, 2 usage/u),
  })
})

it("loads only the file of the command that is called, and that file adds what it is loaded for", async () => {
  const names = (await narrowgateProgram()).commands.map((command) => command.name())
  for (const name of names.filter((each) => each !== "completion")) {
    const added = (await narrowgateProgram(name)).commands.map((command) => command.name())
    expect(added, name).toContain(name)
    expect(added.length, name).toBeLessThanOrEqual(2)
  }
  for (const word of ["completion", "--help", "help", "unknown"])
    expect((await narrowgateProgram(word)).commands, word).toHaveLength(names.length)
})
