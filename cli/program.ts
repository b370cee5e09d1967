/** All commands of `narrowgate`. A new one is a file in commands/, and its row here. */
import { Command } from "commander"
import { addApprovals } from "./commands/approvals.ts"
import { addBuild } from "./commands/build.ts"
import { addCheck } from "./commands/check.ts"
import { addDiff } from "./commands/diff.ts"
import { addClient } from "./commands/client.ts"
import { addGateway } from "./commands/gateway.ts"
import { addErase } from "./commands/erase.ts"
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
import { EXIT } from "./terminal/failure.ts"

export function narrowgateProgram(): Command {
  const codes = Object.entries(EXIT).map(([name, code]) => `${code} ${name}`)
  const program = new Command("narrowgate")
    .description("Write, check, test and build policies; see what was decided, and why.")
    .showHelpAfterError("(add --help to see the usage)")
    .addHelpText("after", "\nBegin with `narrowgate init`. In the repository: npm run -s narrowgate -- <command>\n")
    // Below the help of each command as well.
    .addHelpText("afterAll", `Exit codes: ${codes.join(", ")}`)
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
    addErase,
    addToken,
    addTry,
    addSchemas,
    addGateway,
    addClient,
    addCompletion,
  ])
    add(program)
  return program
}
