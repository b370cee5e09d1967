/** All commands of `narrowgate`. A new one is a file in cli/commands/, and its row here. */
import { Command } from "commander"
import { addApprovals } from "../cli/commands/approvals.ts"
import { addBuild } from "../cli/commands/build.ts"
import { addClaim } from "../cli/commands/claim.ts"
import { addCheck } from "../cli/commands/check.ts"
import { addDiff } from "../cli/commands/diff.ts"
import { addDoctor } from "../cli/commands/doctor.ts"
import { addClient } from "../cli/commands/client.ts"
import { addGateway } from "../cli/commands/gateway.ts"
import { addErase } from "../cli/commands/erase.ts"
import { addExplain } from "../cli/commands/explain.ts"
import { addCompletion } from "../cli/commands/completion.ts"
import { addDecisions } from "../cli/commands/decisions.ts"
import { addImport } from "../cli/commands/import.ts"
import { addInit } from "../cli/commands/init.ts"
import { addLogin } from "../cli/commands/login.ts"
import { addKeygen } from "../cli/commands/keygen.ts"
import { addPublish } from "../cli/commands/publish.ts"
import { addRevoke } from "../cli/commands/revoke.ts"
import { addSchemas } from "../cli/commands/schemas.ts"
import { addStatus } from "../cli/commands/status.ts"
import { addTest } from "../cli/commands/test.ts"
import { addToken } from "../cli/commands/token.ts"
import { addTry } from "../cli/commands/try.ts"
import { addDeploy } from "../dev/deploy/command.ts"
import { addDev } from "../dev/command.ts"
import { addServe } from "../serve/command.ts"
import { VERSION } from "../cli/package.ts"
import { EXIT } from "../cli/terminal/failure.ts"

export function narrowgateProgram(): Command {
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
  for (const add of [
    addInit,
    addDev,
    addDoctor,
    addCheck,
    addTest,
    addDiff,
    addBuild,
    addPublish,
    addClaim,
    addDeploy,
    addServe,
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
