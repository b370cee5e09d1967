/**
 * What the process beside workerd requests on a socket of its own before workerd listens to others: to keep the schedule,
 * and after a restore that nothing of before it counts as authority.
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

export const control = {
  async fetch(request, env, ctx) {
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
  for (const { kid } of await board.publicKeys()) if (kid !== undefined) await board.pull(kid)
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
