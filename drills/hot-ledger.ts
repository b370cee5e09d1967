import { listTickets, NIGHTLY, openTask, readTicket, session, SUPPORT } from "../dev/drill/agents.ts"
import { drill, expected, NotAsExpected } from "../dev/drill/drill.ts"
import { editPolicies, entryOf } from "../dev/drill/policies.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"
import { makeKey } from "../dev/demo/agent.ts"

/** More than `calls-per-minute` of the example admits. */
const FLOOD = 700
const AT_ONCE = 20

async function start(directory: string): Promise<StackPlace> {
  return startStackPlace(directory, async (policies, variables) => {
    variables.set("AGENT", NIGHTLY)
    await editPolicies(policies, "agents.yaml", (document) => {
      const purpose = entryOf(document, "purposes", "name", "nightly-report")
      document.setIn([...purpose, "grant", "calls"], 5_000)
    })
  })
}

/** Calls by one token as fast as the machine can; returns how often each answer came. */
async function flood(place: StackPlace, token: string): Promise<ReadonlyMap<string, number>> {
  const answers = new Map<string, number>()
  let left = FLOOD
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await listTickets(place, token)
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, caller))
  return answers
}

/** What locates the ledger of a task in its id. */
const ledgerOf = (task: string): string => task.slice(19, 35)

export const hotLedger = drill<StackPlace>({
  name: "hot-ledger",
  practises: "Finds the agent that sends one ledger more calls than it should, and spreads its instances over several.",
  runbook: "a-hot-ledger",
  start,
  steps: [
    {
      title: `A loop in one agent sends ${FLOOD} calls at once, all to the ledger of what it does for no user.`,
      async run(place) {
        const { token } = await openTask(place, { agent: NIGHTLY })
        const answers = await flood(place, token)
        const limited = answers.get("429 rate_limited") ?? 0
        const allowed = answers.get("200 allowed") ?? 0
        if (allowed > 600 || limited < FLOOD - 600) throw new NotAsExpected(JSON.stringify([...answers]))
        return `${allowed} allowed, ${limited} times 429: its window of 600 a minute is full`
      },
    },
    {
      title: "Another person's ledger is another object, and is as quick as before.",
      async run(place) {
        const { token } = await openTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        return expected(await readTicket(place, token), "200 allowed")
      },
    },
    {
      command:
        'npx narrowgate decisions tail --since 10m --limit 1000 --json | grep -o \'"chain":\\["[^"]*\' | sort | uniq -c | sort -rn',
      shows: /^ *\d{3} "chain":\["spiffe:\/\/example\.org\/agent\/nightly/,
    },
    {
      command: 'npx narrowgate decisions tail --agent "$AGENT" --code rate_limited --since 10m --limit 5',
      shows: /calls-per-minute/,
    },
    {
      title: "The owner gives the agent several ledgers, one of which is chosen by the key of each instance.",
      async run({ policies }) {
        await editPolicies(policies, "agents.yaml", (document) => {
          const agent = entryOf(document, "agents", "id", NIGHTLY)
          document.setIn([...agent, "partitions"], 4)
          document.setIn([...agent, "bound_key"], true)
        })
        return "agents.yaml has `partitions: 4` and `bound_key: true`"
      },
    },
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --untested --why "nightly has four ledgers"',
      shows: /bundle 2/,
    },
    {
      title: "Eight instances, each with a key of its own, open a task each.",
      async run(place) {
        const keys = await Promise.all(Array.from({ length: 8 }, makeKey))
        const tasks = []
        for (const key of keys) tasks.push(await openTask(place, { agent: NIGHTLY, key }))
        const ledgers = new Set(tasks.map(({ task }) => ledgerOf(task))).size
        if (ledgers < 2) throw new NotAsExpected("all tasks are in one ledger")
        const [key] = keys
        const call = await listTickets(place, tasks[0]?.token ?? "", key)
        const limited = expected(call, "429 rate_limited")
        return `their tasks are in ${ledgers} ledgers; the window counts all of them together, and is still full: ${limited}`
      },
    },
  ],
})
