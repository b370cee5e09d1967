/** Runs the command that was typed, and reports its failure. bin/narrowgate.ts loads it on a Node that can run it. */
import { stripVTControlCharacters } from "node:util"
import { CommanderError } from "commander"
import { narrowgateProgram } from "./program.ts"
import { colors } from "../cli/terminal/colors.ts"
import { escapedLines } from "../cli/terminal/escape.ts"
import { EXIT, Failure } from "../cli/terminal/failure.ts"
import { suggest } from "../src/core/encoding/nearest.ts"

const program = await narrowgateProgram(process.argv[2])

// A reader that stops early, such as `head`, is no failure.
process.stdout.on("error", (failure: NodeJS.ErrnoException) =>
  process.exit(failure.code === "EPIPE" ? EXIT.ok : EXIT.refused),
)

/** Commander shows the general help for `narrowgate stop --help`, as if there were such a command. */
function refuseUnknown([name]: readonly string[]): void {
  const commands = [...program.commands.map((command) => command.name()), "help"]
  if (name === undefined || name.startsWith("-") || commands.includes(name)) return
  const fix = suggest(name, commands, "See `narrowgate --help`.")
  throw new Failure(`there is no command \`${name}\``, fix, EXIT.usage)
}

try {
  refuseUnknown(process.argv.slice(2))
  await program.parseAsync()
} catch (failure) {
  process.exitCode = report(failure)
}

function report(failure: unknown): number {
  // Commander has printed its message, or the help that was requested.
  if (failure instanceof CommanderError) return failure.exitCode === 0 ? EXIT.ok : EXIT.usage
  const fix = failure instanceof Failure ? failure.fix : fixFor(failure)
  // Some messages are reports with our own colours, which are removed so that they are not spelled out.
  const message = stripVTControlCharacters(failure instanceof Error ? failure.message : String(failure))
  console.error(`${colors.red("error:")} ${escapedLines(message)}\n  ${colors.cyan("fix:")} ${escapedLines(fix)}`)
  return failure instanceof Failure ? failure.exitCode : EXIT.refused
}

function fixFor(failure: unknown): string {
  const ofSystem = failure instanceof Error && "syscall" in failure
  return ofSystem ? "Check that it is there and may be read." : "This is a defect of narrowgate: please report it."
}
