/** All commands of `narrowgate`. A new one is a file in cli/commands/, and its row here. */
import { Command } from "commander"
import { VERSION } from "../cli/package.ts"
import { EXIT } from "../cli/terminal/failure.ts"

type AddCommand = (program: Command) => void

/** In the order of the help; those that the file adds, and the file, which is loaded if one of them is called. */
const COMMANDS: readonly (readonly [names: readonly string[], load: () => Promise<AddCommand>])[] = [
  [["init"], async () => (await import("../cli/commands/init.ts")).addInit],
  [["dev"], async () => (await import("../dev/command.ts")).addDev],
  [["doctor"], async () => (await import("../cli/commands/doctor.ts")).addDoctor],
  [["check"], async () => (await import("../cli/commands/check.ts")).addCheck],
  [["test"], async () => (await import("../cli/commands/test.ts")).addTest],
  [["diff"], async () => (await import("../cli/commands/diff.ts")).addDiff],
  [["build"], async () => (await import("../cli/commands/build.ts")).addBuild],
  [["publish", "rollback"], async () => (await import("../cli/commands/publish.ts")).addPublish],
  [["claim"], async () => (await import("../cli/commands/claim.ts")).addClaim],
  [["deploy"], async () => (await import("../dev/deploy/command.ts")).addDeploy],
  [["serve"], async () => (await import("../serve/command.ts")).addServe],
  [["status", "history"], async () => (await import("../cli/commands/status.ts")).addStatus],
  [["keygen"], async () => (await import("../cli/commands/keygen.ts")).addKeygen],
  [["login", "logout"], async () => (await import("../cli/commands/login.ts")).addLogin],
  [["import"], async () => (await import("../cli/commands/import.ts")).addImport],
  [["decisions"], async () => (await import("../cli/commands/decisions.ts")).addDecisions],
  [["sinks"], async () => (await import("../cli/commands/sinks.ts")).addSinks],
  [["explain"], async () => (await import("../cli/commands/explain.ts")).addExplain],
  [["approvals"], async () => (await import("../cli/commands/approvals.ts")).addApprovals],
  [["revoke"], async () => (await import("../cli/commands/revoke.ts")).addRevoke],
  [["erase"], async () => (await import("../cli/commands/erase.ts")).addErase],
  [["token"], async () => (await import("../cli/commands/token.ts")).addToken],
  [["try"], async () => (await import("../cli/commands/try.ts")).addTry],
  [["schemas"], async () => (await import("../cli/commands/schemas.ts")).addSchemas],
  [["gateway"], async () => (await import("../cli/commands/gateway.ts")).addGateway],
  [["client"], async () => (await import("../cli/commands/client.ts")).addClient],
  [["completion"], async () => (await import("../cli/commands/completion.ts")).addCompletion],
]

/** @param word what was typed first. If it names no command, or absent, the program has all of them. */
export async function narrowgateProgram(word?: string): Promise<Command> {
  const codes = Object.entries(EXIT).map(([name, code]) => `${code} ${name}`)
  const program = new Command("narrowgate")
    .description("Write, check, test and publish policies; run the local stack; see what was decided, and why.")
    .version(VERSION, "-v, --version")
    .showHelpAfterError("(add --help to see the usage)")
    .addHelpText(
      "after",
      "\nBegin with `narrowgate init`. Where the package is installed, and in a clone: npx narrowgate <command>\n",
    )
    // Below the help of each command as well.
    .addHelpText("afterAll", `Exit codes: ${codes.join(", ")}`)
    .exitOverride()
  for (const add of await Promise.all(neededFor(word).map(async ([, load]) => load()))) add(program)
  return program
}

/** The script of `completion` covers all others. */
function neededFor(word: string | undefined): typeof COMMANDS {
  if (word === "-v" || word === "--version") return []
  const named = COMMANDS.filter(([names]) => names.some((name) => name === word && name !== "completion"))
  return named.length > 0 ? named : COMMANDS
}
