/** `narrowgate/client` inside a Worker, with `fetch` of a service binding: an agent that runs beside Narrowgate. */
import { exports } from "cloudflare:workers"
import { expect, test } from "vitest"
import { denialOf, openTask, untilAllowed, type OpenTaskOptions, type Task } from "../../client/index.ts"
import { AUDIENCE } from "../harness/agents.ts"
import { person, say } from "../harness/approvals.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, type GatewayAnswer } from "../harness/gateways.ts"
import { idToken, svid, US } from "../harness/issuers.ts"

yardForEach()

const GATEWAY = "https://api.test"

/** To the issuer by its binding, and to everything else through the gateway. */
const byBinding: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const url = new URL(request.url)
  if (url.origin === US) return exports.default.fetch(request)
  const { method } = request
  const body = method === "GET" ? {} : { body: await request.text() }
  const headers = Object.fromEntries(request.headers)
  return responseOf(await askAs("envoy", { method, path: url.pathname, headers, ...body }))
}

const responseOf = ({ status, headers, body }: GatewayAnswer): Response => new Response(body, { status, headers })

const open = async (more: Partial<OpenTaskOptions> = {}): Promise<Task> =>
  openTask({
    issuer: US,
    identity: async () => svid("first"),
    session: async () => ({ token: await idToken("alice"), type: "id_token" }),
    resource: AUDIENCE,
    fetch: byBinding,
    keepAlive: false,
    ...more,
  })

const pay = async (task: Task): Promise<Response> =>
  task.fetch(`${GATEWAY}/till/bob`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ amount: 150 }),
  })

test.each([false, true])("an agent calls, waits for people, and ends its task (bound: %s)", async (dpop) => {
  await using task = await open({ dpop })
  expect((await task.fetch(`${GATEWAY}/files/a`)).status).toBe(200)
  const onApproval = (approval: { readonly task: string; readonly id: string }): void => {
    setTimeout(async () => say(approval, await person("fay")), 20)
  }
  const paid = await untilAllowed(async () => pay(task), { task, onApproval })
  expect([paid.status, await denialOf(paid)]).toEqual([200, undefined])
  await task.complete()
  await expect(task.fetch(`${GATEWAY}/files/a`)).rejects.toMatchObject({ code: "task_ended" })
})

test("a page of any origin may end its task, and read its approval", async () => {
  await using task = await open()
  const denial = await denialOf(await pay(task))
  const headers = { Authorization: `Bearer ${await task.token()}`, Origin: "https://page.example" }
  const own = `${US}/v1/tasks/${task.id}`
  for (const [method, url] of [
    ["GET", `${own}/approvals/${denial?.approval?.id}`],
    ["POST", `${own}/complete`],
  ] as const) {
    const asked = await exports.default.fetch(
      new Request(url, {
        method: "OPTIONS",
        headers: {
          Origin: "https://page.example",
          "Access-Control-Request-Method": method,
          "Access-Control-Request-Headers": "authorization,dpop,prefer",
        },
      }),
    )
    expect([asked.status, asked.headers.get("Access-Control-Allow-Headers")]).toEqual([
      204,
      expect.stringContaining("Prefer"),
    ])
    const answer = await exports.default.fetch(new Request(url, { method, headers }))
    expect([answer.status, answer.headers.get("Access-Control-Allow-Origin")]).toEqual([200, "*"])
    expect(answer.headers.has("Access-Control-Allow-Credentials")).toBe(false)
  }
})
