import { isMap } from "yaml"
import { openTask, readTicket, requestTask, session, SUPPORT } from "../dev/drill/agents.ts"
import { drill, expected, NotAsExpected, valueOf } from "../dev/drill/drill.ts"
import { editPolicies, entryOf, namesIn } from "../dev/drill/policies.ts"
import { runCommand } from "../dev/drill/run-command.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"

const RETIRED = "spiffe://example.org/agent/retired"

async function start(directory: string): Promise<StackPlace> {
  return startStackPlace(directory, async (policies) => {
    await editPolicies(policies, "agents.yaml", (document) => {
      const support: unknown = document.getIn(entryOf(document, "agents", "id", SUPPORT))
      if (!isMap(support)) throw new Error("the example has no agent of support")
      document.setIn(["agents", namesIn(document, "agents", "id").length], { ...support.toJSON(), id: RETIRED })
    })
  })
}

/** The key under which KV has what is live. */
const POINTER = "pointer"

async function pointerOf({ stack }: StackPlace): Promise<string> {
  return (await (await stack.keyValues()).get(POINTER)) ?? ""
}

const requestAs = async (place: StackPlace, agent: string): Promise<string> =>
  (await requestTask(place, { agent, subject: await session(place, "alice") })).answer

export const kvRolledBack = drill<StackPlace>({
  name: "kv-rolled-back",
  practises: "Has KV show an earlier publication again, and sees that no call is decided by it.",
  runbook: "kv-was-rolled-back",
  start,
  steps: [
    {
      title: "Bundle 1 has an agent that opens a task. An attacker who can write to KV copies its pointer.",
      async run(place) {
        place.variables.set("OLD_POINTER", await pointerOf(place))
        return expected(await requestAs(place, RETIRED), "200 allowed")
      },
    },
    {
      title: "The owner takes the agent out of agents.yaml, and publishes bundle 2.",
      async run({ policies, variables }) {
        await editPolicies(policies, "agents.yaml", (document) =>
          document.deleteIn(entryOf(document, "agents", "id", RETIRED)),
        )
        const publish = 'npx narrowgate publish "$POLICIES" --key "$KEY" --why "an agent is retired"'
        return expected((await runCommand(publish, variables)).output, /bundle 2, .* decides from now on/)
      },
    },
    {
      title: "The attacker puts the pointer of bundle 1 into KV again, and every isolate starts anew.",
      async run(place) {
        await (await place.stack.keyValues()).put(POINTER, valueOf(place, "OLD_POINTER"))
        if ((await pointerOf(place)) !== valueOf(place, "OLD_POINTER")) throw new NotAsExpected("KV has another one")
        await place.stack.restart()
        return "KV has the pointer of bundle 1"
      },
    },
    {
      title: "A new isolate decides by bundle 2 all the same.",
      async run(place) {
        const { token } = await openTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        const other = expected(await readTicket(place, token), "200 allowed")
        return `the agent: ${expected(await requestAs(place, RETIRED), "401 invalid_client")}; another one: ${other}`
      },
    },
    { command: 'npx narrowgate status "$POLICIES"', shows: /bundle 2[^]*is what decides/ },
    { command: "npx narrowgate history", shows: /2 .*decides/ },
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --why "the same again, for KV was changed"',
      shows: /bundle 3/,
    },
    {
      title: "KV has the pointer of the latest publication.",
      async run(place) {
        const [, payload = ""] = (await pointerOf(place)).split(".")
        return expected(Buffer.from(payload, "base64url").toString(), /"seq":3\b/)
      },
    },
  ],
})
