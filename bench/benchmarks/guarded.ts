/** Narrowgate with guardrails that judge every call, as a side of a comparison. */
import type { Side } from "../compare.ts"
import { guardTimedCall, SPOILING_PATH, SPOILING_SCOPE, type Guardrails } from "../servers/guarded.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import type { PreparedRequest } from "../load/request.ts"
import type { Lab } from "../lab.ts"
import { narrowgateSide } from "./sides.ts"
import { ALLOWED, allowedReads, READ_TICKET, SCOPE } from "./trees.ts"

export function startGuarded(lab: Lab, guardrails: Guardrails): Promise<Narrowgate> {
  return startNarrowgate(lab, null, (directory) => guardTimedCall(directory, guardrails))
}

export async function guardedSide(
  narrowgate: Narrowgate,
  tasks: readonly Task[],
  { windows = [] }: Guardrails,
): Promise<Side> {
  const side = narrowgateSide(narrowgate, tasks, allowedReads(narrowgate, tasks))
  // Trees that are none of those that are timed: their calls are in nobody's count.
  const spoilt = await narrowgate.openTask("spoilt", `${SCOPE} ${SPOILING_SCOPE}`)
  const counted = await narrowgate.openTask("counted", SCOPE)
  const probes = [
    ...side.probes,
    ...spoiling(narrowgate, spoilt),
    ...windows.map(({ id }) => told(narrowgate, counted, id)),
  ]
  return { ...side, name: "Narrowgate, guarded", probes }
}

/** Asked in this order: what the temporal rule looks back for, and then the timed call, which it forbids. */
function spoiling(narrowgate: Narrowgate, task: Task): readonly PreparedRequest[] {
  return [
    narrowgate.question(task, "GET", SPOILING_PATH, ALLOWED),
    narrowgate.question(task, "GET", READ_TICKET, { status: 403, contains: "sequence_denied" }),
  ]
}

/** The answer has every window that counts the call. */
function told(narrowgate: Narrowgate, task: Task, window: string): PreparedRequest {
  return narrowgate.question(task, "GET", READ_TICKET, { status: 200, contains: `"${window}";q=` })
}
