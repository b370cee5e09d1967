/** An identity provider that is suspended, and resumed, while calls go on: to the real process, from many people at once. */
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { SCOPE } from "../long/stack.ts"
import { deploy, readTicket, type Deployment } from "./served.ts"

const PEOPLE = 12
const USERS = "https://idp.bench.example"
const BETWEEN_MS = 1_500

let there: Deployment
beforeAll(async () => {
  there = await deploy()
  await there.start()
  await there.publish()
}, 60_000)
afterAll(async () => there.remove())

interface Answered {
  readonly sent: number
  readonly status: number
}

const isOk = ({ status }: Answered): boolean => status === 200

test(
  "from the answer on nothing is allowed to any of its people and nothing is opened; once it is lifted, new sessions are",
  { timeout: 60_000 },
  async () => {
    const { narrowgate, staff } = there
    const people = Array.from({ length: PEOPLE }, (_, nth) => `user-${nth}`)
    const tasks = await Promise.all(people.map(async (user) => narrowgate.openTask(user, SCOPE)))
    const answered: Answered[] = []
    const opened: Answered[] = []
    let isOver = false
    const calling = tasks.map(async ({ token }, nth) => {
      for (let turn = 0; !isOver; turn++) {
        const sent = Date.now()
        answered.push({ sent, status: (await readTicket(there, token)).status })
        if (turn % 20 !== nth) continue
        const began = Date.now()
        const open = narrowgate.openTask(`new-${nth}-${turn}`, SCOPE).then(
          () => 200,
          () => 400,
        )
        opened.push({ sent: began, status: await open })
      }
    })
    const headers = { authorization: await staff.operator(), "content-type": "application/json" }
    await sleep(BETWEEN_MS)
    const body = JSON.stringify({ issuer: USERS })
    const stopped = await fetch(there.url("/v1/revocations"), { method: "POST", headers, body })
    const stoppedAt = Date.now()
    const { id }: { readonly id: string } = await stopped.json()
    expect(stopped.status).toBe(200)
    await sleep(BETWEEN_MS)
    const liftedFrom = Date.now()
    const lifted = await fetch(there.url(`/v1/revocations/${id}`), { method: "DELETE", headers })
    const liftedAt = Date.now()
    expect(lifted.status).toBe(200)
    await sleep(BETWEEN_MS * 2)
    isOver = true
    await Promise.all(calling)

    const during = (all: readonly Answered[]) => all.filter(({ sent }) => sent > stoppedAt && sent < liftedFrom)
    expect(during(answered).length).toBeGreaterThan(PEOPLE)
    expect(during(answered).filter(isOk)).toEqual([])
    expect(during(opened).filter(isOk)).toEqual([])
    expect(answered.filter(({ sent }) => sent < stoppedAt).some(isOk)).toBe(true)
    const after = (all: readonly Answered[]) => all.filter(({ sent }) => sent > liftedAt + BETWEEN_MS)
    // Sessions that a thief may have opened meanwhile are not valid again; a new one is.
    expect(after(answered).length).toBeGreaterThan(PEOPLE)
    expect(after(answered).filter(isOk)).toEqual([])
    expect(after(opened).length).toBeGreaterThan(0)
    expect(after(opened).every(isOk)).toBe(true)
  },
)
