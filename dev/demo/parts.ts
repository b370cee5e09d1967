/**
 * The parts of the demo: the stack, and the servers behind it. All on free ports, all state in a temporary directory.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { operatorToken } from "../../cli/remote/local-stack-login.ts"
import { twoFreePorts } from "../loopback.ts"
import { freeServicePorts, type Services, startServices } from "../services.ts"
import { startStack, type Stack } from "../stack.ts"

export interface Parts extends Services {
  readonly stack: Stack
  /** An operator's access token. */
  readonly operator: string
}

/** @param candidate a policy directory to evaluate beside the live one */
export async function startParts(policies: string, candidate?: string): Promise<Parts> {
  const state = await mkdtemp(join(tmpdir(), "narrowgate-demo-"))
  const port = await twoFreePorts()
  const { ports, origins } = await freeServicePorts()
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
