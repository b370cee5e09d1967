/** `npm run dev`: the local stack for a policy directory, until it is interrupted. */
import { Command, InvalidArgumentError } from "commander"
import { summarise } from "../cli/commands/check.ts"
import {
  startServices,
  WRITTEN_DESK_PORT,
  WRITTEN_EDGE_PORT,
  WRITTEN_EVERYTHING_PORT,
  WRITTEN_WEB_PORT,
} from "./services.ts"
import { DEFAULT_PORT, developmentKey } from "./seed.ts"
import { PoliciesRefused, startStack } from "./stack.ts"

interface Options {
  readonly policies: string
  readonly candidate?: string
  readonly port: number
  readonly gateway?: true
}

const command = new Command("dev")
  .description("Serves the Worker in workerd, seeded from a policy directory, beside a development identity provider.")
  .option("--policies <dir>", "the policy directory", "policies")
  .option("--candidate <dir>", "a policy directory to try beside it: what it would decide otherwise is recorded")
  .option("--port <number>", "port of the Worker; the identity provider takes the next", readPort, DEFAULT_PORT)
  .option("--gateway", `also the demo's servers, behind gateways on ports ${WRITTEN_EDGE_PORT} and ${WRITTEN_WEB_PORT}`)
  .addHelpText("after", "\nExample:\n  npm run dev -- --policies policies --port 8787\n")
  .parse()

const { policies, candidate, port, gateway } = command.opts<Options>()
try {
  const stack = await startStack({ policies, port, ...(candidate === undefined ? {} : { candidate }) })
  const { pointer, compiled } = stack.first
  console.log(summarise(policies, compiled))
  console.log(`Narrowgate        ${stack.origin} (bundle ${pointer?.seq}, ${pointer?.digest.slice(0, 12)})`)
  console.log(`Identity provider ${stack.provider} (users alice, bob, olivia; each one's password is the name)`)
  for (const { id, dialect } of compiled.body?.gateways ?? []) {
    console.log(`Gateway ${id.padEnd(9)} ${dialect}, X-Narrowgate-Key: ${developmentKey(id)}`)
  }
  if (candidate !== undefined) console.log(`Tried beside it   ${candidate}: narrowgate decisions tail --differs`)
  stack.follow((directory, published) => {
    console.log(summarise(directory, published.compiled))
    if (published.pointer) console.log(`published bundle ${published.pointer.seq} of ${directory}`)
  })
  const services = gateway
    ? await startServices({
        narrowgate: stack.origin,
        edgePort: WRITTEN_EDGE_PORT,
        webPort: WRITTEN_WEB_PORT,
        everythingPort: WRITTEN_EVERYTHING_PORT,
        deskPort: WRITTEN_DESK_PORT,
      })
    : null
  if (services) {
    console.log(
      `Behind gateways   ${services.edge.origin}/everything/mcp, /crm, /mail; ${services.web.origin}/desk/mcp`,
    )
  }
  // The servers that the example names are there with `--gateway` only.
  if (services || policies !== "policies") stack.keepProbing()
  const stop = async (): Promise<never> => {
    await services?.close()
    await stack.close()
    process.exit(0)
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void stop())
  }
} catch (error) {
  if (error instanceof PoliciesRefused) console.error(summarise(error.directory, error.published.compiled))
  else console.error(`error: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}

function readPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_534) throw new InvalidArgumentError("a port is 1 to 65534")
  return port
}
