/** The ports of the local stack are free, or the local stack has them. */
import { once } from "node:events"
import { connect } from "node:net"
import { DEFAULT_PORT } from "../../remote/local-stack-policies.ts"
import { isLoopback } from "../../remote/worker.ts"
import { Failure } from "../../terminal/failure.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { about, ok, problem, warn, type Finding } from "../finding.ts"
import { ownerOf } from "../port-owner.ts"
import { isAlive, WITHIN_MS, type Subject } from "../subject.ts"

export async function checkPorts(subject: Subject): Promise<readonly Finding[]> {
  const { url, idp, body, get } = subject
  const isHere = isLoopback(url)
  const gateways = isHere ? (body?.gateways ?? []).flatMap(({ origins }) => origins.filter(isLoopback)) : []
  const isWorker = isHere && isAlive(await get(new URL("/healthz", url)))
  // A Worker here without the provider is no local stack, such as one of `narrowgate serve`.
  const isStack = isWorker && !((await get(new URL("/.well-known/openid-configuration", idp))) instanceof Failure)
  const ports = isHere ? [portOf(url), ...(isWorker && !isStack ? [] : [portOf(idp)])] : STACK_PORTS
  const whose = isStack ? "the local stack's" : isWorker ? "the Worker's" : null
  return Promise.all([
    ...ports.map(async (port) => about(String(port), await judgePort(port, isHere, whose))),
    ...[...new Set(gateways.map(portOf))].map(async (port) => about(String(port), await tellPort(port))),
  ])
}

const STACK_PORTS = [DEFAULT_PORT, DEFAULT_PORT + 1]

/**
 * @param isNeeded the local stack is wanted here, or may be
 * @param whose of whom it is known that the port is theirs, rightly
 */
async function judgePort(port: number, isNeeded: boolean, whose: string | null): Promise<Finding> {
  if (!(await isTaken(port))) return ok("free")
  const owner = await ownerOf(port)
  const taken = owner ? `taken by ${owner.name} (process ${owner.pid})` : "taken"
  if (whose !== null) return ok(`${taken}, ${whose}`)
  const end = owner ? `kill ${owner.pid}` : `lsof -nP -iTCP:${port} -sTCP:LISTEN`
  const fix = `End what listens there (${end}), or choose another port: ${CALLED} dev --port ${port + 10}`
  return isNeeded ? problem(taken, fix) : warn(taken, fix)
}

/** Whether it is the gateway that listens there, the check of gateways says. */
async function tellPort(port: number): Promise<Finding> {
  if (!(await isTaken(port))) return ok("free, for a gateway")
  const owner = await ownerOf(port)
  return ok(
    `for a gateway: ${owner ? `${owner.name} (process ${owner.pid}) listens there` : "another process listens there"}`,
  )
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url)
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port)
}

/** By a connection: a listener of ours would answer, for a moment, the requests of other checks. */
async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1")
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(WITHIN_MS) })
    return true
  } catch (failure) {
    return !(failure instanceof Error && "code" in failure && failure.code === "ECONNREFUSED")
  } finally {
    socket.destroy()
  }
}
