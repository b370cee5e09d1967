/** A local stack of a drill's own: the real Worker in workerd, an identity provider, gateways and servers behind them. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { WRITTEN_PROVIDER, WRITTEN_WORKER } from "../../cli/remote/local-stack-policies.ts"
import { DEMO_PORTS, type DemoPorts } from "../demo-ports.ts"
import { freePort, twoFreePorts } from "../loopback.ts"
import { type Services, startServices } from "../services.ts"
import { PoliciesRefused, startStack, type Stack } from "../stack.ts"
import type { Place } from "./drill.ts"
import { copyPolicies } from "./policies.ts"
import { operatorsShell } from "./run-command.ts"

export interface StackPlace extends Place {
  readonly stack: Stack
  /** The origin of the gateway `edge`. */
  readonly edge: string
  /** The policy directory, `$POLICIES` in commands. */
  readonly policies: string
}

const at = (port: number): string => `http://127.0.0.1:${port}`

/** @param change what the drill's policies have besides the example's */
export async function startStackPlace(
  change: (policies: string, variables: Map<string, string>) => Promise<void> = async () => undefined,
): Promise<StackPlace> {
  const place = await mkdtemp(join(tmpdir(), "narrowgate-drill-"))
  let stack: Stack | undefined
  let services: Services | undefined
  const close = async (): Promise<void> => {
    await services?.close()
    await stack?.close()
    await rm(place, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const port = await twoFreePorts()
    const ports: DemoPorts = {
      edge: await freePort(),
      web: await freePort(),
      everything: await freePort(),
      desk: await freePort(),
      billing: await freePort(),
    }
    const here = new Map(Object.entries(ports))
    const policies = join(place, "policies")
    await copyPolicies(
      policies,
      new Map([
        [WRITTEN_WORKER, at(port)],
        [WRITTEN_PROVIDER, at(port + 1)],
        ...Object.entries(DEMO_PORTS).map(([name, written]) => [at(written), at(here.get(name) ?? written)] as const),
      ]),
    )
    const variables = await operatorsShell(place)
    await change(policies, variables)
    stack = await startStack({ policies, port, state: join(place, "state") })
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
