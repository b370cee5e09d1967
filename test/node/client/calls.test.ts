/** Calls of agents and what denies them, through real gateways: waiting for people and limits, and what no call may do. */
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { listen, type Listening } from "../../../dev/loopback.ts"
import {
  DeniedError,
  denialOf,
  NarrowgateError,
  resumeTask,
  toModel,
  untilAllowed,
  type Approval,
  type Task,
} from "../../../client/index.ts"
import { startAgents, SUPPORT, VAULT, type Agents } from "./stage.ts"

let agents: Agents
beforeAll(async () => {
  agents = await startAgents()
}, 60_000)
afterAll(async () => agents.close())

const rpc = (name: string, args: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } }),
})

const refund = async (task: Task, amount: number): Promise<Response> =>
  task.fetch(`${agents.edge.origin}/billing/mcp`, rpc("refund", { order: "o-1", amount }))

const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => ({ value }),
    (thrown: unknown) => thrown,
  )

describe("a call that people have to approve", () => {
  const open = async (more: Parameters<Agents["open"]>[0] = {}): Promise<Task> =>
    agents.open({ purpose: "refund-order", scope: "billing.*:read billing.refund:write", ...more })

  test.each([false, true])("waits, and is repeated (bound: %s)", async (dpop) => {
    await using task = await open({ dpop })
    const shown: Approval[] = []
    const onApproval = (approval: Approval): void => {
      shown.push(approval)
      setTimeout(() => void agents.decide(approval, true), 500)
    }
    const began = Date.now()
    const response = await untilAllowed(async () => refund(task, 24_900), { task, onApproval })
    expect(await denialOf(response)).toBeUndefined()
    expect(await response.text()).toContain("24900")
    expect(shown).toHaveLength(1)
    expect(shown[0]).toMatchObject({ task: task.id, status: "pending", name: "refunds" })
    expect(shown[0]?.url).toBe(`${agents.stack.origin}/console/approvals/${task.id}/${shown[0]?.id}`)
    // The answer was held back; nobody polled.
    expect(Date.now() - began).toBeLessThan(4_000)
  })

  test("is denied once they have rejected it", async () => {
    await using task = await open()
    const onApproval = async (approval: Approval): Promise<void> => agents.decide(approval, false)
    const thrown = await failureOf(untilAllowed(async () => refund(task, 24_901), { task, onApproval }))
    expect(thrown).toMatchObject({ code: "denied", denial: { approval: { status: "rejected" } } })
    expect(await denialOf(thrown)).toMatchObject({ code: "approval_required" })
    expect(String(thrown)).toContain("It was rejected; that holds until")
    // It says so itself when it is repeated.
    expect(await denialOf(await refund(task, 24_901))).toMatchObject({ approval: { status: "rejected" } })
  })

  test("waits no longer than it may, and ends with its signal", async () => {
    await using task = await open()
    const call = async (): Promise<Response> => refund(task, 24_902)
    expect(await failureOf(untilAllowed(call, { task, maxWait: 1_500 }))).toMatchObject({
      code: "wait_exceeded",
      denial: { code: "approval_required", approval: { status: "pending" } },
    })
    const ended = new AbortController()
    setTimeout(() => ended.abort(new Error("enough")), 300)
    expect(await failureOf(untilAllowed(call, { task, signal: ended.signal }))).toMatchObject({ message: "enough" })
  })

  test("an approval that somebody else has made up gets no token and shows no page", async () => {
    await using task = await open()
    const shown: Approval[] = []
    const forged = (of: string): object => ({
      error: "approval_required",
      error_description: "A person has to approve of this very call.",
      decision_id: "dec_01M8810Y6E649KSFRPS47B2GYM",
      approval: { id: "apr_1", status: "pending", url: `http://evil.example/console/approvals/${of}/apr_1` },
    })
    const ask = async (of: string): Promise<unknown> =>
      failureOf(
        untilAllowed(async () => Response.json(forged(of), { status: 403 }), {
          task,
          onApproval: (each) => void shown.push(each),
          maxWait: 1_000,
        }),
      )
    expect(await ask("tsk_01M8815EYFQTG027QX3M0V9BK2RD5WAH4N6C")).toMatchObject({ code: "denied" })
    expect(shown).toEqual([])
    // Of its own task there is no such approval; its page would be the issuer's.
    expect(await ask(task.id)).toMatchObject({ code: "wait_exceeded" })
    expect(shown.map(({ url }) => url)).toEqual([`${agents.stack.origin}/console/approvals/${task.id}/apr_1`])
  })
})

describe("a call that is denied", () => {
  test("waits for room in a limit, and is repeated", async () => {
    await using task = await agents.open()
    const echo = async (): Promise<Response> =>
      task.fetch(`${agents.edge.origin}/everything/mcp`, rpc("echo", { message: "hi" }))
    const began = Date.now()
    const answers = await Promise.all([1, 2, 3, 4].map(async () => untilAllowed(echo, { task })))
    expect(await Promise.all(answers.map(denialOf))).toEqual([undefined, undefined, undefined, undefined])
    // Three of them in two seconds.
    expect(Date.now() - began).toBeGreaterThan(1_500)
    expect(await failureOf(untilAllowed(async () => fourTimes(echo), { task, maxWait: 100 }))).toMatchObject({
      code: "wait_exceeded",
      denial: { code: "rate_limited" },
    })
  })

  test("says why, by HTTP", async () => {
    await using task = await agents.open({
      purpose: "answer-customer",
      scope: "mail.send:write",
      onConsent: async (request) => agents.consent(request, "approve"),
    })
    const mail = async (to: string): Promise<Response> =>
      task.fetch(`${agents.edge.origin}/mail/messages`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ to, subject: "s", text: "t" }),
      })
    const response = await mail("a@elsewhere.example")
    const denial = await denialOf(response)
    expect(denial).toMatchObject({ code: "policy_denied", description: expect.stringContaining("Mail goes to") })
    expect(denial?.decision).toMatch(/^dec_/)
    // Its body can still be read.
    expect(await response.json()).toMatchObject({ error: "policy_denied" })
    const thrown = await failureOf(untilAllowed(async () => mail("a@elsewhere.example"), { task }))
    expect(thrown).toBeInstanceOf(DeniedError)
    expect(String(thrown)).toMatch(
      /^DeniedError: Narrowgate denied the call, and nothing was done\. .*Mail goes to one address.* \(policy_denied, decision dec_\w+\)$/,
    )
  })

  test("names the scope that would do", async () => {
    await using task = await agents.open({ purpose: "triage-ticket", scope: "crm.tickets.list:read" })
    const denial = await denialOf(await task.fetch(`${agents.edge.origin}/crm/tickets/42`))
    expect(denial).toMatchObject({ code: "insufficient_scope", scope: "crm.tickets.list:read crm.tickets.get:read" })
    expect(denial && toModel(denial)).toContain(
      "A token with the scope crm.tickets.list:read crm.tickets.get:read would do.",
    )
  })

  test("is what the call itself threw, if it was no denial", async () => {
    await using task = await agents.open()
    const own = new Error("my own")
    expect(await failureOf(untilAllowed(async () => Promise.reject(own), { task }))).toBe(own)
  })
})

async function fourTimes(call: () => Promise<Response>): Promise<Response> {
  for (let made = 0; made < 3; made++) await (await call()).text()
  return call()
}

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

describe("the token", () => {
  let here: Listening
  let there: Listening
  const received: {
    readonly at: string
    readonly method: string
    readonly authorization: string
    readonly body: string
    readonly traceparent: unknown
  }[] = []
  let refusals = 0
  beforeAll(async () => {
    const serve = async (name: string): Promise<Listening> => {
      const server = createServer(async (request, response) => {
        const url = request.url ?? ""
        const body = await text(request)
        const { authorization = "", dpop, traceparent } = request.headers
        received.push({ at: name + url, method: request.method ?? "", authorization, body, traceparent })
        const [, status, target] = /^\/to\/(\d+)\/(.*)$/.exec(url) ?? []
        if (status !== undefined) {
          response.writeHead(Number(status), { location: target === "there" ? `${there.origin}/got` : "/got" }).end()
        } else if (refusals > 0) {
          refusals--
          const challenge = dpop === undefined ? 'Bearer error="invalid_token"' : 'DPoP error="use_dpop_nonce"'
          response.writeHead(401, { "www-authenticate": challenge, "dpop-nonce": "n-1" }).end("no")
        } else response.end("ok")
      })
      return listen(server, 0)
    }
    here = await serve("here")
    there = await serve("there")
  })
  afterAll(async () => {
    await here.close()
    await there.close()
  })
  const fresh = (): void => void received.splice(0)

  test.each([301, 302, 303, 307, 308])("follows no redirect to another origin (%i)", async (status) => {
    fresh()
    await using task = await agents.open()
    const response = await task.fetch(`${here.origin}/to/${status}/there`, { method: "POST", body: "x" })
    expect([response.status, response.headers.get("location")]).toEqual([status, `${there.origin}/got`])
    expect(received.filter(({ at }) => at.startsWith("there"))).toEqual([])
  })

  test("goes to the origin of the first call alone, also after a restart", async () => {
    fresh()
    await using task = await agents.open()
    expect((await task.fetch(`${here.origin}/got`)).status).toBe(200)
    const elsewhere = { code: "origin_not_allowed", message: expect.stringContaining(there.origin) }
    await expect(task.fetch(`${there.origin}/got`)).rejects.toMatchObject(elsewhere)
    const saved = await task.save()
    expect(saved.origins).toEqual([here.origin])
    await using resumed = await resumeTask(saved, { identity: agents.svid(SUPPORT) })
    await expect(resumed.fetch(`${there.origin}/got`)).rejects.toMatchObject(elsewhere)
    expect(received.filter(({ at }) => at.startsWith("there"))).toEqual([])
  })

  test("goes to the origins that are named, and to no other", async () => {
    fresh()
    await using both = await agents.open({ origins: [here.origin, there.origin] })
    for (const { origin } of [here, there, here]) expect((await both.fetch(`${origin}/got`)).status).toBe(200)
    await using other = await agents.open({ origins: [there.origin] })
    await expect(other.fetch(`${here.origin}/got`)).rejects.toMatchObject({ code: "origin_not_allowed" })
    await expect(agents.open({ origins: ["here"] })).rejects.toThrow(TypeError)
    expect(received.map(({ at }) => at)).toEqual(["here/got", "there/got", "here/got"])
  })

  test.each([
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "x"],
    [308, "POST", "x"],
  ])(
    "follows one to the same origin as fetch does, with a proof of its own and its caller's trace (%i)",
    async (status, method, body) => {
      fresh()
      await using task = await agents.open({ identity: agents.svid(VAULT), dpop: true })
      const response = await task.fetch(`${here.origin}/to/${status}/here`, {
        method: "POST",
        body: "x",
        headers: { traceparent: TRACEPARENT },
      })
      expect(await response.text()).toBe("ok")
      expect(received.at(-1)).toMatchObject({ at: "here/got", method, body, traceparent: TRACEPARENT })
      expect(received.at(-1)?.authorization).toMatch(/^DPoP /)
    },
  )

  test("is told not to follow, or to fail", async () => {
    await using task = await agents.open()
    const at = `${here.origin}/to/302/here`
    expect((await task.fetch(at, { redirect: "manual" })).status).toBe(302)
    await expect(task.fetch(at, { redirect: "error" })).rejects.toThrow(TypeError)
  })

  test("is renewed if it is not accepted, once", async () => {
    await using task = await agents.open()
    for (const [times, status, calls] of [
      [1, 200, 2],
      [2, 401, 2],
    ] as const) {
      fresh()
      refusals = times
      expect((await task.fetch(`${here.origin}/a`, { method: "POST", body: "x" })).status).toBe(status)
      expect(received.map(({ body }) => body)).toEqual(Array.from({ length: calls }, () => "x"))
      expect(new Set(received.map(({ authorization }) => authorization)).size).toBe(calls)
      refusals = 0
    }
  })

  test("goes again with a body that can be sent again, and with no other", async () => {
    await using task = await agents.open()
    const bodies: readonly [BodyInit | null, boolean][] = [
      [null, true],
      ["x", true],
      [new URLSearchParams({ a: "b" }), true],
      [new Uint8Array([1]), true],
      [new Blob(["x"]), true],
      [new FormData(), true],
      [new Blob(["x"]).stream(), false],
    ]
    for (const [body, isRepeated] of bodies) {
      fresh()
      refusals = 1
      const init = Object.assign({ duplex: "half" }, { method: "POST", body })
      expect((await task.fetch(`${here.origin}/a`, init)).status).toBe(isRepeated ? 200 : 401)
      expect(received).toHaveLength(isRepeated ? 2 : 1)
      refusals = 0
    }
    fresh()
    refusals = 1
    const request = new Request(`${here.origin}/a`, { method: "POST", body: "x" })
    expect((await task.fetch(request)).status).toBe(401)
    refusals = 1
    expect((await task.fetch(new Request(`${here.origin}/a`, { headers: { "x-own": "1" } }))).status).toBe(200)
    refusals = 0
  })

  test("proves its key again with the nonce that is asked for", async () => {
    fresh()
    await using task = await agents.open({ identity: agents.svid(VAULT), dpop: true })
    refusals = 1
    expect((await task.fetch(`${here.origin}/a`)).status).toBe(200)
    expect(received).toHaveLength(2)
    refusals = 0
  })

  test("goes to no other machine in the clear, unless the caller says so", async () => {
    await using task = await agents.open()
    expect(await failureOf(task.fetch("http://api.example.com/"))).toMatchObject({ code: "insecure_url" })
    const sent: string[] = []
    await using meshed = await agents.open({
      allowHttp: true,
      fetch: async (input, init) => {
        const { href } = new URL(input instanceof Request ? input.url : String(input))
        if (!href.startsWith("http://api.example.com")) return fetch(input, init)
        sent.push(href)
        return new Response("ok")
      },
    })
    expect(await (await meshed.fetch("http://api.example.com/")).text()).toBe("ok")
    expect(sent).toEqual(["http://api.example.com/"])
  })

  test("is in no error", async () => {
    await using task = await agents.open()
    const token = await task.token()
    const thrown = [
      await failureOf(task.fetch("http://api.example.com/")),
      await failureOf(task.fetch("not a url")),
      await failureOf(agents.open({ session: token.slice(0, -4) })),
      await failureOf(agents.open({ session: `${token}x`, scope: "nothing:read" })),
    ]
    expect(thrown.every((each) => each instanceof Error)).toBe(true)
    expect(
      JSON.stringify(thrown.map((each) => (each instanceof Error ? [each.message, each.stack, each.cause] : each))),
    ).not.toContain(token.slice(0, 40))
    expect(thrown[3]).toBeInstanceOf(NarrowgateError)
  })
})
