/** `narrowgate dev`: the local stack. What it needs is loaded when it runs. */
import { InvalidArgumentError, type Command } from "commander"
import { DEFAULT_PORT } from "../cli/remote/local-stack-policies.ts"
import { DEMO_PORTS } from "./demo-ports.ts"
import { LOCAL_STACK, requireGlibc, withPackages } from "../cli/package.ts"
import { policiesOption, usersOption } from "../cli/terminal/options.ts"

export interface DevOptions {
  readonly policies: string
  readonly candidate?: string
  readonly port: number
  readonly gateway?: boolean
  readonly upstream?: string
  readonly users?: string
  readonly fresh?: boolean
}

export function addDev(program: Command): void {
  program
    .command("dev")
    .description(
      "run the local stack: the Worker in workerd, seeded from a policy directory, beside a development identity provider",
    )
    .addOption(policiesOption())
    .option("--candidate <DIR>", "a policy directory to try beside it: what it would decide otherwise is recorded")
    .option("--port <NUMBER>", "port of the Worker; the identity provider takes the next", readPort, DEFAULT_PORT)
    .option(
      "--gateway",
      `also gateways: where gateways.yaml says, before your own servers; of the example in the repository on ports ${DEMO_PORTS.edge} and ${DEMO_PORTS.web}, before the demo's`,
    )
    .option(
      "--upstream <URL>",
      "where your server is, if no `probe` of the catalog says so; turns the gateways on, as --gateway does",
      readUrl,
    )
    .addOption(usersOption())
    .option("--fresh", "forget the tasks, records and keys of earlier starts of this directory on this port")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate dev\n  narrowgate dev --fresh --users users.yaml\n  narrowgate dev --policies mine --upstream http://127.0.0.1:9000\n",
    )
    .action(async (options: DevOptions) => {
      requireGlibc()
      const { runDev } = await withPackages(async () => import("./run.ts"), LOCAL_STACK)
      await runDev(options)
    })
}

function readPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_534) throw new InvalidArgumentError("a port is 1 to 65534")
  return port
}

function readUrl(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/u.test(url.protocol) && url.search === "" && url.hash === "") return text
  throw new InvalidArgumentError("an http(s) URL without a query")
}
