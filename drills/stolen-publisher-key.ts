import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { drill, expected, NotAsExpected, valueOf } from "../dev/drill/drill.ts"
import { editPolicies } from "../dev/drill/policies.ts"
import { runCommand } from "../dev/drill/run-command.ts"
import { type ServePlace, startServePlace } from "../dev/drill/serve-place.ts"

async function start(directory: string): Promise<ServePlace> {
  const place = await startServePlace(directory)
  place.variables.set("NEW_KEY", join(directory, "next-publisher.jwk"))
  return place
}

/** What a holder of the first key does: the owner, and the thief. */
async function publishByOldKey({ variables }: ServePlace): Promise<string> {
  const publish = 'npx narrowgate publish "$POLICIES" --key "$KEY" --audience "$ISSUER_URL" --untested --why "mine"'
  return (await runCommand(publish, variables)).output
}

/** The place writes its configuration as JSON. */
async function acceptOnly(place: ServePlace, publisherKeys: string): Promise<void> {
  const path = valueOf(place, "CONFIG")
  const configuration: object = JSON.parse(await readFile(path, "utf8"))
  await writeFile(path, JSON.stringify({ ...configuration, publisher_keys: JSON.parse(publisherKeys) }))
}

const callOf = async (place: ServePlace): Promise<string> => place.call(valueOf(place, "BEFORE"))

export const stolenPublisherKey = drill<ServePlace>({
  name: "stolen-publisher-key",
  practises:
    "Has a thief publish, has the Worker accept a new key alone, publishes by it, and ends all tasks of before.",
  runbook: "a-stolen-publishers-key",
  start,
  steps: [
    {
      title: "The owner publishes; an agent opens a task for alice, and reads.",
      async run(place) {
        expected(await publishByOldKey(place), /bundle 1/)
        const { answer, token } = await place.requestTask()
        place.variables.set("BEFORE", token)
        return `${expected(answer, "200 allowed")}; ${expected(await callOf(place), "200 allowed")}`
      },
    },
    {
      title: "The thief publishes a bundle in which the operator is only a viewer, so that no suspension can be set.",
      async run(place) {
        const { variables } = place
        const policies = valueOf(place, "POLICIES")
        const rolesOf = async (roles: readonly string[]): Promise<void> =>
          editPolicies(policies, "operators.yaml", (document) => document.setIn(["operators", 0, "roles"], roles))
        await rolesOf(["viewer"])
        expected(await publishByOldKey(place), /bundle 2/)
        await rolesOf(["viewer", "approver", "operator"])
        const { code, output } = await runCommand('npx narrowgate revoke --everything --reason "stop"', variables)
        if (code === 0) throw new NotAsExpected("a suspension was set")
        return output.trim().split("\n")[0] ?? ""
      },
    },
    {
      command: 'npx narrowgate keygen --out "$NEW_KEY"',
      shows: /private half/,
      keep: { PUBLISHER_KEYS: /(\{"keys":.*\})/ },
    },
    {
      title: "The owner has the process accept the new key alone, and starts it again: every call is denied.",
      async run(place) {
        await acceptOnly(place, valueOf(place, "PUBLISHER_KEYS"))
        await place.kill()
        await place.start()
        return expected(await callOf(place), "503 unavailable")
      },
    },
    {
      title: "The thief publishes once more.",
      run: async (place) => expected(await publishByOldKey(place), /PUBLISHER_KEYS of the Worker/).slice(0, 200),
    },
    {
      command:
        'npx narrowgate publish "$POLICIES" --key "$NEW_KEY" --audience "$ISSUER_URL" --why "the publisher\'s key was stolen"',
      shows: /bundle 3/,
    },
    {
      title: "The task that was opened before is still open.",
      run: async (place) => expected(await callOf(place), "200 allowed"),
    },
    {
      command:
        'npx narrowgate revoke --everything --before "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --reason "the publisher\'s key was stolen"',
      shows: /in force {2}now/,
    },
    { command: "npx narrowgate revoke list", shows: /the publisher's key was stolen/ },
    { command: "npx narrowgate history", shows: /3 .*decides/ },
    {
      title: "That task has ended, and alice, who has logged in again, gets a new one.",
      async run(place) {
        const before = expected(await callOf(place), "401 invalid_token")
        const { answer, token } = await place.requestTask()
        return `${before}; ${expected(answer, "200 allowed")}; ${expected(await place.call(token), "200 allowed")}`
      },
    },
  ],
})
