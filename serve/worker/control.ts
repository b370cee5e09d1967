/**
 * What the process beside workerd requests on a socket of its own. Before workerd listens to others: to keep the schedule,
 * and after a restore that nothing of before it counts as authority. Before it ends: that records in memory are sent.
 */
import type { Switch } from "../../src/core/signals/switch.ts"
import release from "../../src/index.ts"
import type { ServeEnv } from "./environment.ts"
import { schedule } from "./schedule.ts"

/** Which backup was restored, and when, in milliseconds since the epoch. */
export interface Restore {
  readonly at: number
  readonly takenAt: number
}

/** The response: whether this deployment is still to be claimed (`POST /v1/claim`). */
export interface BeginResult {
  readonly unclaimed: boolean
}

/** The operator as whom it appears in the list of revocations and in notices. */
const OPERATOR = "narrowgate serve|restore"

/** Where the process beside workerd requests that records are sent. */
const STOP = "/stop"
/** Records in memory are sent within a second of their answer. */
const SENT_WITHIN_MS = 1_000
const LOOK_EVERY_MS = 20

const requests = { inProgress: 0 }

/** A request of others. */
export async function counted(answer: () => Promise<Response>): Promise<Response> {
  requests.inProgress += 1
  try {
    return await answer()
  } finally {
    requests.inProgress -= 1
  }
}

/**
 * The response ends once all others have been answered and their records have been sent. workerd, which a signal ends,
 * waits for it.
 */
function untilSent(ctx: ExecutionContext): Response {
  const { readable, writable } = new TransformStream()
  const sent = async (): Promise<void> => {
    while (requests.inProgress > 0) await scheduler.wait(LOOK_EVERY_MS)
    await scheduler.wait(SENT_WITHIN_MS)
    await writable.close()
  }
  ctx.waitUntil(sent())
  return new Response(readable)
}

export const control = {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === STOP) return untilSent(ctx)
    const { restored } = await request.json<{ readonly restored: Restore | null }>()
    await schedule(env).begin()
    if (restored) await withdrawAll(env, restored)
    const ready = await release.fetch(new Request("https://localhost/readyz"), env, ctx)
    const { error } = await ready.json<{ readonly error?: string }>()
    return Response.json({ unclaimed: error === "unclaimed" } satisfies BeginResult)
  },
} satisfies ExportedHandler<ServeEnv>

/**
 * A backup is of the past: what was ended, used up or revoked since is alive in it. So everything that was given before
 * the restore is revoked, the keys that signed it are gone, and every call is stopped until an operator has looked.
 * Repeated, it does the same.
 */
async function withdrawAll(env: ServeEnv, { at, takenAt }: Restore): Promise<void> {
  const board = env.SWITCHBOARD.getByName("board")
  await board.replaceKeys()
  const reason = `restored from a backup of ${new Date(takenAt).toISOString()}`
  const setter = { decision: `restore_${at}`, operator: OPERATOR, reason }
  const stopped = { kind: "everything" } as const
  const switches: readonly Switch[] = [
    { id: `swi_restored-${at}`, stopped, before: at },
    { id: `swi_hold-${at}`, stopped, before: null },
  ]
  await Promise.all(switches.map(async (each) => board.set(each, setter)))
  // A trigger in the restored objects could have deleted them.
  const listed: readonly Switch[] = JSON.parse(await board.listed())
  for (const { id, before } of switches) {
    const isKept = listed.some((each) => each.id === id && each.before === before && each.stopped.kind === stopped.kind)
    if (!isKept) throw new Error(`the restored objects do not keep ${id}`)
  }
}
