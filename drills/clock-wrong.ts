import {
  addMailer,
  endpointOf,
  openTask,
  readTicket,
  requestAsMailer,
  requestTask,
  session,
  SUPPORT,
} from "../dev/drill/agents.ts"
import { drill, expected, valueOf } from "../dev/drill/drill.ts"
import { startStackPlace, type StackPlace } from "../dev/drill/stack-place.ts"
import { callHttp, makeKey, type Key } from "../dev/demo/agent.ts"

const HOUR_S = 3_600
const DAY_MS = 24 * HOUR_S * 1000

interface ClockPlace extends StackPlace {
  readonly key: Key
}

async function start(directory: string): Promise<ClockPlace> {
  const key = await makeKey()
  const place = await startStackPlace(directory, async (policies) => addMailer(policies, key))
  return { ...place, key }
}

const readBy = async (place: StackPlace, name: string): Promise<string> => readTicket(place, valueOf(place, name))

export const clockWrong = drill<ClockPlace>({
  name: "clock-wrong",
  practises:
    "Finds whose clock is wrong, an agent's or Narrowgate's own, and checks that what has ended does not come back.",
  runbook: "a-clock-is-wrong",
  start,
  steps: [
    {
      title: "An agent whose clock is an hour ahead requests a task, and one whose clock is an hour behind.",
      async run(place) {
        const subject = await session(place, "alice")
        const ahead = await requestAsMailer(endpointOf(place), place.key, subject, HOUR_S)
        const behind = await requestAsMailer(endpointOf(place), place.key, subject, -HOUR_S)
        return `${expected(ahead.answer, "401 invalid_client")}; ${expected(behind.answer, "401 invalid_client")}`
      },
    },
    {
      command: "npx narrowgate decisions tail --kind exchange --decision deny --since 10m",
      shows: /invalid_client[^]*invalid_client/,
    },
    { command: 'npx narrowgate doctor "$POLICIES" | grep " clock "', shows: /ok +clock +agrees with the Worker/ },
    {
      title: "Another agent completes one of its tasks; its other task goes on.",
      async run(place) {
        const wanted = { agent: SUPPORT, subject: await session(place, "alice") }
        const [live, ended] = [
          await openTask(place, wanted),
          await openTask(place, { ...wanted, purpose: "refund-order" }),
        ]
        place.variables.set("LIVE", live.token)
        place.variables.set("ENDED", ended.token)
        const url = `${place.stack.origin}/v1/tasks/${ended.task}/complete`
        expected(String((await callHttp("POST", url, ended.token)).status), "200")
        const answers = `${await readBy(place, "LIVE")}; completed: ${await readBy(place, "ENDED")}`
        return expected(answers, "200 allowed; completed: 401 invalid_token")
      },
    },
    {
      title: "Narrowgate's own clock is set a day ahead.",
      async run({ stack }) {
        await stack.restart(DAY_MS)
        return "the Worker runs by it"
      },
    },
    {
      command: 'npx narrowgate doctor "$POLICIES" | grep " clock "',
      shows: /problem +clock +the Worker is \S+ \S+ ahead of this machine/,
    },
    {
      title: "Every token counts as expired, and no task is opened.",
      async run(place) {
        const call = expected(await readBy(place, "LIVE"), "401 invalid_token")
        const request = await requestTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        return `${call}; ${expected(request.answer, "401 invalid_client")}`
      },
    },
    {
      title: "The clock is set right.",
      async run({ stack }) {
        await stack.restart()
        return "the Worker runs by it"
      },
    },
    { command: 'npx narrowgate doctor "$POLICIES" | grep " clock "', shows: /ok +clock +agrees with the Worker/ },
    {
      title: "The completed task stays ended, and the agent works on.",
      async run(place) {
        const ended = expected(await readBy(place, "ENDED"), "401 invalid_token")
        const { token } = await openTask(place, { agent: SUPPORT, subject: await session(place, "alice") })
        return `completed: ${ended}; a new task: ${expected(await readTicket(place, token), "200 allowed")}`
      },
    },
  ],
})
