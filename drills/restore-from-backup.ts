import { rm } from "node:fs/promises"
import { UNTIL_LEASES_EXPIRE } from "../dev/drill/agents.ts"
import { drill, expected, valueOf } from "../dev/drill/drill.ts"
import { type ServePlace, startServePlace } from "../dev/drill/serve-place.ts"

async function keepTask(place: ServePlace, name: string): Promise<string> {
  const { answer, token } = await place.requestTask()
  place.variables.set(name, token)
  return `${expected(answer, "200 allowed")}; ${expected(await place.call(token), "200 allowed")}`
}

export const restoreFromBackup = drill<ServePlace>({
  name: "restore-from-backup",
  practises: "Backs up `narrowgate serve`, loses its directory, restores it, and resumes.",
  runbook: "one-machine-is-lost",
  start: startServePlace,
  steps: [
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --audience "$ISSUER_URL" --why "the policies of today"',
      shows: /bundle 1/,
    },
    {
      title: "An agent opens a task for alice, and reads.",
      run: async (place) => keepTask(place, "BEFORE"),
    },
    {
      command: 'npx narrowgate serve backup --config "$CONFIG" "$BACKUP"',
      shows: /\d+ objects as of 2\S+Z; calls waited \d+ ms/,
    },
    {
      title: "The machine is lost: the process is killed, its directory is gone, and the gateway denies the call.",
      async run(place) {
        await place.kill()
        await rm(place.directory, { recursive: true })
        return expected(await place.call(valueOf(place, "BEFORE")), "500 denied")
      },
    },
    {
      command: 'npx narrowgate serve restore --config "$CONFIG" "$BACKUP"',
      shows: /narrowgate revoke lift swi_hold-/,
      keep: { HOLD: /narrowgate revoke lift (swi_hold-\d+)/ },
    },
    {
      title:
        "`narrowgate serve` starts on it: everything is suspended, and the token of before the restore is revoked.",
      async run(place) {
        await place.start()
        return expected(await place.call(valueOf(place, "BEFORE")), "401 invalid_token")
      },
    },
    {
      command: "npx narrowgate revoke list",
      shows: /swi_hold-[^]*restored from a backup|restored from a backup[^]*swi_hold-/,
    },
    {
      command:
        'npx narrowgate publish "$POLICIES" --key "$KEY" --audience "$ISSUER_URL" --no-wait --why "after a restore"',
      shows: /bundle 2/,
    },
    {
      title: "No task is opened while everything is suspended.",
      run: async (place) => expected((await place.requestTask()).answer, "400 unauthorized_client"),
    },
    { command: 'npx narrowgate revoke lift "$HOLD"', shows: /resumed/ },
    UNTIL_LEASES_EXPIRE,
    {
      title: "A new session opens a task, and the token of before the restore stays revoked.",
      async run(place) {
        const before = expected(await place.call(valueOf(place, "BEFORE")), "401 invalid_token")
        return `${await keepTask(place, "AFTER")}; before: ${before}`
      },
    },
  ],
})
