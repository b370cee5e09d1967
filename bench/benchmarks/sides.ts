/** Narrowgate and its floors as sides of a comparison. */
import type { Side } from "../compare.ts"
import type { PreparedRequest } from "../load/request.ts"
import type { Narrowgate, Task } from "../servers/narrowgate.ts"
import type { Workerd } from "../servers/workerd.ts"
import { admittedBy, ALLOWED, denials } from "./trees.ts"

/** Whatever is timed, the ledgers' own count must show it, and the denials among the probes must not be in it. */
export function narrowgateSide(narrowgate: Narrowgate, tasks: readonly Task[], requests: Side["requests"]): Side {
  const [task] = tasks
  const { port, pid, complaints } = narrowgate.workerd
  const probes = task ? denials(narrowgate, task) : []
  const counted = (): Promise<number> => admittedBy(narrowgate, tasks)
  return { name: "Narrowgate", port, pid, requests, probes, counted, complaints }
}

/**
 * The same bytes as the subject is asked but for the path, so that reading the request costs both the same.
 * @param path of a floor's own, where it has several
 */
export function floorRequest(narrowgate: Narrowgate, task: Task, path: string): PreparedRequest {
  const { bytes } = narrowgate.question(task, "GET", "/crm/tickets/T-1", ALLOWED)
  const [, ...headers] = Buffer.from(bytes).toString("latin1").split("\r\n")
  return { bytes: Buffer.from([`GET ${path} HTTP/1.1`, ...headers].join("\r\n"), "latin1"), expected: ALLOWED }
}

export function noOpSide({ port, pid, complaints }: Workerd, narrowgate: Narrowgate, tasks: readonly Task[]): Side {
  const requests = tasks.map((task) => floorRequest(narrowgate, task, "/authz/forward"))
  return { name: "no-op Hono Worker", port, pid, requests, probes: [], counted: null, complaints }
}

export function oneCallSide(worker: Workerd, narrowgate: Narrowgate, tasks: readonly Task[]): Side {
  return countingSide("one Durable Object call", worker, narrowgate, tasks)
}

export function sameDoorSide(worker: Workerd, narrowgate: Narrowgate, tasks: readonly Task[]): Side {
  return countingSide("the same, undecided", worker, narrowgate, tasks)
}

/** An object for each task, which counts. */
function countingSide(
  name: string,
  { port, pid, complaints }: Workerd,
  narrowgate: Narrowgate,
  tasks: readonly Task[],
): Side {
  const requests = tasks.map((task) => floorRequest(narrowgate, task, `/count/${task.id}`))
  const counted = async (): Promise<number> => {
    const counts = await Promise.all(tasks.map(({ id }) => readCount(port, id)))
    return counts.reduce((sum, count) => sum + count, 0)
  }
  return { name, port, pid, requests, probes: [], counted, complaints }
}

async function readCount(port: number, id: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/read/${id}`, { signal: AbortSignal.timeout(5_000) })
  return Number(await response.text())
}
