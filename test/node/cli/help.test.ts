/** Each command's `--help` shows how it is used; what prints data prints it as JSON too. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { Command } from "commander"
import { expect, it } from "vitest"
import { run } from "./run.ts"

const COMMANDS = join(import.meta.dirname, "../../../cli/commands")
/** What they print is for a person alone, or for a shell. */
const WITHOUT_DATA = ["login", "logout", "completion"]

async function commands(): Promise<Command[]> {
  const program = new Command("narrowgate")
  for (const file of await readdir(COMMANDS)) {
    const module: Readonly<Record<string, unknown>> = await import(join(COMMANDS, file))
    const name = `add${file[0]?.toUpperCase()}${file.slice(1, -".ts".length)}`
    // A part of another command's file adds to a group.
    const add = module[name]
    if (typeof add === "function") add(program)
  }
  return below(program)
}

function below({ commands }: Command): Command[] {
  return commands.flatMap((command) => [command, ...below(command)])
}

function helpOf(command: Command): string {
  let text = ""
  command.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp()
  return text
}

it("has examples of each command, which begin as it is called", async () => {
  const found = await commands()
  expect(found.length).toBeGreaterThan(20)
  for (const command of found) {
    expect(command.description(), command.name()).toMatch(/\S/u)
    expect(helpOf(command), command.name()).toMatch(/\nExamples?:\n(?: {2}.*\n)*? {2}.*narrowgate /u)
  }
})

it("offers JSON wherever a command answers", async () => {
  const silent = (await commands())
    .filter(({ commands, options }) => commands.length === 0 && !options.some(({ long }) => long === "--json"))
    .map((command) => command.name())
  expect(silent.toSorted()).toEqual(WITHOUT_DATA.toSorted())
})

it("tells the exit codes", async () => {
  const { code, stdout } = await run(COMMANDS, ["import", "mcp", "--help"])
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/\nExit codes: 0 ok, 1 refused, 2 usage/u),
  })
})
