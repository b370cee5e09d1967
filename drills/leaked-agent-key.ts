import {
  addMailer,
  endpointOf,
  MAILER,
  publicKeys,
  readTicket,
  requestAsMailer,
  session,
  UNTIL_LEASES_EXPIRE,
} from "../dev/drill/agents.ts"
import { drill, expected, valueOf } from "../dev/drill/drill.ts"
import { editPolicies, entryOf } from "../dev/drill/policies.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"
import { makeKey, type Key } from "../dev/demo/agent.ts"

interface KeysPlace extends StackPlace {
  readonly leaked: Key
  readonly next: Key
}

async function start(directory: string): Promise<KeysPlace> {
  const [leaked, next] = await Promise.all([makeKey(), makeKey()])
  const place = await startStackPlace(directory, async (policies, variables) => {
    variables.set("AGENT", MAILER)
    await addMailer(policies, leaked)
  })
  return { ...place, leaked, next }
}

export const leakedAgentKey = drill<KeysPlace>({
  name: "leaked-agent-key",
  practises: "Suspends an agent whose private key was stolen, replaces the key, and resumes the agent.",
  runbook: "a-leaked-agent-key",
  start,
  steps: [
    {
      title: "The thief has the agent's key and a session of alice's: it opens a task and reads a ticket.",
      async run(place) {
        const stolen = await requestAsMailer(endpointOf(place), place.leaked, await session(place, "alice"))
        place.variables.set("STOLEN", stolen.token)
        return expected(await readTicket(place, stolen.token), "200 allowed")
      },
    },
    { command: 'npx narrowgate revoke --agent "$AGENT" --preview', shows: /at least 1 task in the last hour/ },
    {
      command: 'npx narrowgate revoke --agent "$AGENT" --reason "its key was leaked"',
      shows: /in force {2}now/,
      keep: { SUSPENSION: /^(swi_\S+)/m },
    },
    {
      title: "The thief calls again by its token, and requests another task.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "STOLEN")), "401 invalid_token")
        const request = await requestAsMailer(endpointOf(place), place.leaked, await session(place, "alice"))
        return `${call}; ${expected(request.answer, "400 unauthorized_client")}`
      },
    },
    {
      command: 'npx narrowgate decisions tail --agent "$AGENT" --since 1d',
      shows: /allow ok +crm\.tickets\.get:read[^]*deny/,
    },
    {
      title: "The operator puts the public half of a new key into agents.yaml.",
      async run({ policies, next }) {
        await editPolicies(policies, "agents.yaml", (document) => {
          const agent = entryOf(document, "agents", "id", MAILER)
          document.setIn([...agent, "identities", 0, "keys"], publicKeys(next))
        })
        return "agents.yaml has the new key alone"
      },
    },
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --why "a new key for the agent"',
      shows: /bundle 2/,
    },
    {
      command:
        'npx narrowgate revoke --agent "$AGENT" --before "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --reason "given to the leaked key"',
      shows: /in force {2}now/,
    },
    { command: 'npx narrowgate revoke lift "$SUSPENSION"', shows: /resumed/ },
    UNTIL_LEASES_EXPIRE,
    {
      title: "The thief tries its token and its key once more.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "STOLEN")), "401 invalid_token")
        const request = await requestAsMailer(endpointOf(place), place.leaked, await session(place, "alice"))
        return `${call}; ${expected(request.answer, "401 invalid_client")}`
      },
    },
    {
      title: "The agent opens a task by its new key, for alice, who has logged in again.",
      async run(place) {
        const { answer, token } = await requestAsMailer(endpointOf(place), place.next, await session(place, "alice"))
        return `${expected(answer, "200 allowed")}; ${expected(await readTicket(place, token), "200 allowed")}`
      },
    },
    {
      command: 'npx narrowgate decisions tail --agent "$AGENT" --kind exchange --since 10m',
      shows: /allow[^]*deny/,
    },
  ],
})
