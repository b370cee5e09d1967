/** `npm run dev`: the local stack for a policy directory, until it is interrupted. */
import { Command, InvalidArgumentError } from "commander"
import { summarise } from "../cli/commands/check.ts"
import {
  namesDemoServers,
  startServices,
  WRITTEN_DESK_PORT,
  WRITTEN_EDGE_PORT,
  WRITTEN_EVERYTHING_PORT,
  WRITTEN_BILLING_PORT,
  WRITTEN_WEB_PORT,
} from "./services.ts"
import { startOwnGateways } from "./own-gateways.ts"
import { DEFAULT_PORT, developmentKey, WRITTEN_PROVIDER } from "../cli/remote/local-stack-policies.ts"
import { PoliciesRefused, startStack } from "./stack.ts"

interface Options {
  readonly policies: string
  readonly candidate?: string
  readonly port: number
  readonly gateway?: boolean
  readonly upstream?: string
}

const command = new Command("dev")
  .description("Serves the Worker in workerd, seeded from a policy directory, beside a development identity provider.")
  .option("--policies <dir>", "the policy directory", "policies")
  .option("--candidate <dir>", "a policy directory to try beside it: what it would decide otherwise is recorded")
  .option("--port <number>", "port of the Worker; the identity provider takes the next", readPort, DEFAULT_PORT)
  .option(
    "--gateway",
    `also gateways: of the example before the demo's servers, on ports ${WRITTEN_EDGE_PORT} and ${WRITTEN_WEB_PORT}; of ` +
      "another directory where its gateways.yaml says, before your own servers",
  )
  .option(
    "--upstream <url>",
    "where your server is, if no `probe` of the catalog says so; turns the gateways on, as --gateway does",
    readUrl,
  )
  .addHelpText(
    "after",
    "\nExamples:\n  npm run dev -- --policies policies --port 8787\n  npm run dev -- --policies mine --gateway\n" +
      "  npm run dev -- --policies mine --gateway --upstream http://127.0.0.1:9000\n",
  )
  .parse()

const { policies, candidate, port, upstream, gateway = upstream !== undefined } = command.opts<Options>()
try {
  const stack = await startStack({ policies, port, ...(candidate === undefined ? {} : { candidate }) })
  const { pointer, compiled } = stack.first
  const { body } = compiled
  const isDemo = body !== null && namesDemoServers(body.servers)
  console.log(summarise(policies, compiled))
  console.log(`Narrowgate        ${stack.origin} (bundle ${pointer?.seq}, ${pointer?.digest.slice(0, 12)})`)
  const isLocal = body?.issuers.some(({ issuer, sign_in }) => sign_in && issuer === WRITTEN_PROVIDER)
  console.log(`Console           ${stack.origin}/console${isLocal ? " (sign in as olivia)" : ""}`)
  console.log(`Identity provider ${stack.provider} (users alice, bob, olivia; each one's password is the name)`)
  for (const { id, dialect } of body?.gateways ?? []) {
    const header = dialect === "authzen" ? "Authorization: Bearer" : "X-Narrowgate-Key:"
    console.log(`Gateway ${id.padEnd(9)} ${dialect}, ${header} ${developmentKey(id)}`)
  }
  for (const { id } of body?.queries ?? []) {
    console.log(`Queries     ${id.padEnd(5)} AuthZEN, Authorization: Bearer ${developmentKey(id)}`)
  }
  console.log(`Publisher's key   ${stack.publisherKey} (narrowgate rollback --key)`)
  if (candidate !== undefined) console.log(`Candidate         ${candidate}: narrowgate decisions tail --differs`)
  stack.follow((directory, published) => {
    console.log(summarise(directory, published.compiled))
    if (published.pointer) console.log(`published bundle ${published.pointer.seq} of ${directory}`)
  })
  const services =
    gateway && isDemo
      ? await startServices({
          narrowgate: stack.origin,
          edgePort: WRITTEN_EDGE_PORT,
          webPort: WRITTEN_WEB_PORT,
          everythingPort: WRITTEN_EVERYTHING_PORT,
          deskPort: WRITTEN_DESK_PORT,
          billingPort: WRITTEN_BILLING_PORT,
        })
      : null
  if (services) {
    console.log(
      `Behind gateways   ${services.edge.origin}/everything/mcp, /billing/mcp, /crm, /mail; ${services.web.origin}/desk/mcp`,
    )
  }
  const own =
    gateway && body && !isDemo
      ? await startOwnGateways({ body, narrowgate: stack.origin, ...(upstream && { upstream }) })
      : null
  for (const line of own?.report ?? []) console.log(`Behind a gateway  ${line}`)
  // The servers that the example names run only with `--gateway`.
  if (services || !isDemo) stack.keepProbing()
  const stop = async (): Promise<never> => {
    await own?.close()
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

function readUrl(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/u.test(url.protocol) && url.search === "" && url.hash === "") return text.replace(/\/$/u, "")
  throw new InvalidArgumentError("an http(s) URL without a query")
}
