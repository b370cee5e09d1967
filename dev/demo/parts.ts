/**
 * The parts of the demo: the stack, and the servers behind it. All on free ports, all state in a temporary directory.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { operatorToken } from "../../cli/remote/local-stack-login.ts"
import { freePort, twoFreePorts } from "../loopback.ts"
import {
  type Services,
  startServices,
  WRITTEN_DESK_PORT,
  WRITTEN_EDGE_PORT,
  WRITTEN_EVERYTHING_PORT,
  WRITTEN_BILLING_PORT,
  WRITTEN_WEB_PORT,
} from "../services.ts"
import { startStack, type Stack } from "../stack.ts"

export interface Parts extends Services {
  readonly stack: Stack
  /** An operator's access token. */
  readonly operator: string
}

/** @param candidate a policy directory to evaluate beside the live one */
export async function startParts(policies: string, candidate?: string): Promise<Parts> {
  const state = await mkdtemp(join(tmpdir(), "narrowgate-demo-"))
  const [edgePort, webPort, port] = [await freePort(), await freePort(), await twoFreePorts()]
  const [everythingPort, deskPort, billingPort] = [await freePort(), await freePort(), await freePort()]
  const ports = [
    [WRITTEN_EDGE_PORT, edgePort],
    [WRITTEN_WEB_PORT, webPort],
    [WRITTEN_EVERYTHING_PORT, everythingPort],
    [WRITTEN_DESK_PORT, deskPort],
    [WRITTEN_BILLING_PORT, billingPort],
  ]
  const origins = new Map(
    ports.map(([written, actual]) => [`http://127.0.0.1:${written}`, `http://127.0.0.1:${actual}`]),
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
    services = await startServices({
      narrowgate: stack.origin,
      edgePort,
      webPort,
      everythingPort,
      deskPort,
      billingPort,
    })
    return { ...services, stack, operator: await operatorToken({ origin: stack.provider }), close }
  } catch (error) {
    await close()
    throw error
  }
}
