/** A local stack of a drill's own: the real Worker in workerd, an identity provider, gateways and servers behind them. */
import { join } from "node:path"
import { WRITTEN_PROVIDER, WRITTEN_WORKER } from "../../cli/remote/local-stack-policies.ts"
import { twoFreePorts } from "../loopback.ts"
import { freeServicePorts, type Services, startServices } from "../services.ts"
import { PoliciesRefused, startStack, type Stack } from "../stack.ts"
import type { Place } from "./drill.ts"
import { copyPolicies } from "./policies.ts"
import { drillEnvironment } from "./run-command.ts"

export interface StackPlace extends Place {
  readonly stack: Stack
  /** The origin of the gateway `edge`. */
  readonly edge: string
  /** The policy directory, `$POLICIES` in commands. */
  readonly policies: string
}

/** @param change what the drill's policies have besides the example's */
export async function startStackPlace(
  directory: string,
  change: (policies: string, variables: Map<string, string>) => Promise<void> = async () => undefined,
): Promise<StackPlace> {
  const port = await twoFreePorts()
  const { ports, origins } = await freeServicePorts()
  const own = new Map([
    [WRITTEN_WORKER, `http://127.0.0.1:${port}`],
    [WRITTEN_PROVIDER, `http://127.0.0.1:${port + 1}`],
  ])
  const policies = join(directory, "policies")
  await copyPolicies(policies, new Map([...own, ...origins]))
  const variables = await drillEnvironment(directory)
  await change(policies, variables)
  let stack: Stack | undefined
  let services: Services | undefined
  const close = async (): Promise<void> => {
    await services?.close()
    await stack?.close()
  }
  try {
    stack = await startStack({ policies, port, state: join(directory, "state") })
    services = await startServices(stack.origin, ports)
    variables.set("NARROWGATE_URL", stack.origin)
    variables.set("POLICIES", policies)
    variables.set("KEY", stack.publisherKey)
    return { variables, stack, edge: services.edge.origin, policies, close }
  } catch (error) {
    await close()
    if (!(error instanceof PoliciesRefused)) throw error
    const { problems } = error.published.compiled
    throw new Error(problems.map(({ file, message }) => `${file}: ${message}`).join("\n"), { cause: error })
  }
}
