/**
 * The parts of the demo: the stack, and the servers behind it. All on free ports, all state in a temporary directory.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { operatorToken } from "../../cli/remote/local-stack-login.ts"
import { DEMO_PORTS, type DemoPorts } from "../demo-ports.ts"
import { freePort, twoFreePorts } from "../loopback.ts"
import { type Services, startServices } from "../services.ts"
import { startStack, type Stack } from "../stack.ts"

export interface Parts extends Services {
  readonly stack: Stack
  /** An operator's access token. */
  readonly operator: string
}

const at = (port: number): string => `http://127.0.0.1:${port}`

/** @param candidate a policy directory to evaluate beside the live one */
export async function startParts(policies: string, candidate?: string): Promise<Parts> {
  const state = await mkdtemp(join(tmpdir(), "narrowgate-demo-"))
  const port = await twoFreePorts()
  const ports: DemoPorts = {
    edge: await freePort(),
    web: await freePort(),
    everything: await freePort(),
    desk: await freePort(),
    billing: await freePort(),
  }
  const here = new Map(Object.entries(ports))
  const origins = new Map(
    Object.entries(DEMO_PORTS).map(([name, written]) => [at(written), at(here.get(name) ?? written)]),
  )
  let stack: Stack | undefined
  let services: Services | undefined
  const close = async (): Promise<void> => {
    await services?.close()
    await stack?.close()
    await rm(state, { recursive: true, force: true })
  }
  try {
    const tried = candidate === undefined ? {} : { candidate }
    stack = await startStack({ policies, port, state, origins, ...tried })
    services = await startServices(stack.origin, ports)
    return { ...services, stack, operator: await operatorToken({ origin: stack.provider }), close }
  } catch (error) {
    await close()
    throw error
  }
}
