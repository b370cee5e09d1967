/** The command `narrowgate`. Each command is a file in commands/; this one gathers them and tells failures. */
import { stripVTControlCharacters } from "node:util"
import { Command, CommanderError } from "commander"
import { colors } from "./terminal/colors.ts"
import { addApprovals } from "./commands/approvals.ts"
import { addBuild } from "./commands/build.ts"
import { addCheck } from "./commands/check.ts"
import { addDiff } from "./commands/diff.ts"
import { addExplain } from "./commands/explain.ts"
import { addCompletion } from "./commands/completion.ts"
import { addDecisions } from "./commands/decisions.ts"
import { addImport } from "./commands/import.ts"
import { addInit } from "./commands/init.ts"
import { addLogin } from "./commands/login.ts"
import { addKeygen } from "./commands/keygen.ts"
import { addPublish } from "./commands/publish.ts"
import { addRevoke } from "./commands/revoke.ts"
import { addSchemas } from "./commands/schemas.ts"
import { addStatus } from "./commands/status.ts"
import { addTest } from "./commands/test.ts"
import { addToken } from "./commands/token.ts"
import { addTry } from "./commands/try.ts"
import { escapedLines } from "./terminal/escape.ts"
import { EXIT, Failure } from "./terminal/failure.ts"
import { suggest } from "../src/core/encoding/nearest.ts"

const program = new Command("narrowgate")
  .description("Write, check, test and build policies; see what was decided, and why.")
  .showHelpAfterError("(add --help for what there is)")
  .addHelpText("after", "\nBegin with `narrowgate init`. In the repository: npm run -s narrowgate -- <command>\n")
  // Below the help of each command as well.
  .addHelpText("afterAll", "Exit codes: 0 ok, 1 refused, 2 usage, 3 unreachable")
  .exitOverride()
for (const add of [
  addInit,
  addCheck,
  addTest,
  addDiff,
  addBuild,
  addPublish,
  addStatus,
  addKeygen,
  addLogin,
  addImport,
  addDecisions,
  addExplain,
  addApprovals,
  addRevoke,
  addToken,
  addTry,
  addSchemas,
  addCompletion,
])
  add(program)

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (failure: NodeJS.ErrnoException) =>
  process.exit(failure.code === "EPIPE" ? EXIT.ok : EXIT.refused),
)

/** Commander shows the general help for `narrowgate stop --help`, as if there were such a command. */
function refuseUnknown([name]: readonly string[]): void {
  const known = [...program.commands.map((command) => command.name()), "help"]
  if (name === undefined || name.startsWith("-") || known.includes(name)) return
  const fix = suggest(name, known, "See `narrowgate --help`.")
  throw new Failure(`there is no command \`${name}\``, fix, EXIT.usage)
}

try {
  refuseUnknown(process.argv.slice(2))
  await program.parseAsync()
} catch (failure) {
  process.exitCode = tell(failure)
}

function tell(failure: unknown): number {
  // Commander has printed its message, or the help that was asked for.
  if (failure instanceof CommanderError) return failure.exitCode === 0 ? EXIT.ok : EXIT.usage
  const fix = failure instanceof Failure ? failure.fix : fixFor(failure)
  // Some tell a report, in colours of our own: they go, lest they be spelled out.
  const message = stripVTControlCharacters(failure instanceof Error ? failure.message : String(failure))
  console.error(`${colors.red("error:")} ${escapedLines(message)}\n  ${colors.cyan("fix:")} ${escapedLines(fix)}`)
  return failure instanceof Failure ? failure.exitCode : EXIT.refused
}

function fixFor(failure: unknown): string {
  const ofSystem = failure instanceof Error && "syscall" in failure
  return ofSystem ? "Check that it is there and may be read." : "This is a defect of narrowgate: please report it."
}
