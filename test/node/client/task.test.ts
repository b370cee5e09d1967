/** `narrowgate/client` against the running Worker and its gateways: a task from its opening to its end. */
import { decodeJwt } from "jose"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  ConsentRequiredError,
  NarrowgateError,
  openTask,
  resumeTask,
  type ConsentRequest,
  type SavedTask,
  type Task,
} from "../../../client/index.ts"
import { NIGHTLY, RESEARCHER, startAgents, SUPPORT, VAULT, type Agents } from "./stage.ts"

let agents: Agents
beforeAll(async () => {
  agents = await startAgents()
}, 60_000)
afterAll(async () => agents.close())

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing was thrown",
    (thrown: unknown) => (thrown instanceof NarrowgateError ? thrown.code : String(thrown)),
  )

const tickets = async (task: Task): Promise<number> => (await task.fetch(`${agents.edge.origin}/crm/tickets`)).status

/** A `fetch` that remembers what it sent. */
function listening() {
  const sent: Request[] = []
  const by: typeof fetch = async (input, init) => {
    sent.push(new Request(input instanceof Request ? input.clone() : input, init))
    return fetch(input, init)
  }
  return { by, sent, tokens: () => sent.filter(({ url }) => url.endsWith("/oauth/token")).length }
}

describe("a task", () => {
  test("is opened for a user, calls what it is for, and is ended", async () => {
    const task = await agents.open({ purpose: "triage-ticket", scope: ["crm.tickets.*:read"] })
    expect(task).toMatchObject({ issuer: agents.stack.origin, purpose: "triage-ticket", isBound: false })
    expect([task.id.startsWith("tsk_"), task.scope]).toEqual([true, "crm.tickets.*:read"])
    expect(await tickets(task)).toBe(200)
    const token = await task.token()
    await task.complete()
    await task.complete()
    expect(await codeOf(task.token())).toBe("task_ended")
    const after = await fetch(`${agents.edge.origin}/crm/tickets`, { headers: { authorization: `Bearer ${token}` } })
    expect(after.status).toBe(401)
  })

  test("ends with its block", async () => {
    let token = ""
    {
      await using task = await agents.open()
      token = await task.token()
      expect(await tickets(task)).toBe(200)
    }
    const after = await fetch(`${agents.edge.origin}/crm/tickets`, { headers: { authorization: `Bearer ${token}` } })
    expect(after.status).toBe(401)
  })

  test("needs no user, if its purpose needs none", async () => {
    await using task = await openTask({
      issuer: agents.stack.origin,
      identity: agents.svid(NIGHTLY),
      resource: agents.edge.origin,
    })
    expect(await tickets(task)).toBe(200)
  })

  test("is opened by a key of the agent's own", async () => {
    await using task = await openTask({
      issuer: agents.stack.origin,
      identity: agents.robot,
      resource: agents.edge.origin,
    })
    expect(task.purpose).toBe("errand")
  })

  test("has an ID token for its session, if the caller says so", async () => {
    expect(await codeOf(agents.open({ session: { token: await agents.session("alice"), type: "id_token" } }))).toBe(
      "token_refused",
    )
  })

  test("is renewed early, by one request for all who ask", async () => {
    const { by, tokens } = listening()
    await using task = await agents.open({ fetch: by })
    const first = await task.token()
    expect([await task.token(), tokens()]).toEqual([first, 1])
    const clock = later(230)
    try {
      const next = await Promise.all([task.token(), task.token(), task.token()])
      expect(new Set(next).size).toBe(1)
      expect([next[0] === first, tokens()]).toEqual([false, 2])
      expect(decodeJwt(next[0] ?? "")["task"]).toBe(task.id)
    } finally {
      clock.restore()
    }
  })

  test("keeps its token while it cannot be renewed, and says when it is lost", async () => {
    let isDown = false
    const task = await agents.open({
      fetch: async (input, init) => (isDown ? Promise.reject(new TypeError("fetch failed")) : fetch(input, init)),
    })
    const first = await task.token()
    isDown = true
    const clock = later(230)
    try {
      expect(await task.token()).toBe(first)
      clock.set(400)
      expect(await codeOf(task.token())).toBe("task_ended")
    } finally {
      clock.restore()
    }
  })

  test("a token that is revoked is no reason to try for ever", async () => {
    const { by, sent } = listening()
    const task = await agents.open({ fetch: by })
    const token = await task.token()
    const form = new URLSearchParams({
      token,
      client_assertion: await agents.svid(SUPPORT)({
        audience: agents.stack.origin,
        now: Date.now(),
        signal: AbortSignal.timeout(5_000),
      }),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    })
    const revoked = await fetch(`${agents.stack.origin}/oauth/revoke`, { method: "POST", body: form })
    expect(revoked.status).toBe(200)
    // A revoked token renews nothing: the denial is what the caller gets, and no more is tried.
    expect(await tickets(task)).toBe(401)
    expect(sent.filter(({ url }) => url.endsWith("/crm/tickets"))).toHaveLength(1)
    expect(await codeOf(task.complete())).toBe("not_completed")
  })

  test("takes a stronger login of its user", async () => {
    await using task = await agents.open()
    const before = await task.token()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await task.stepUp(async () => agents.session("alice", true))
    expect([(await task.token()) === before, decodeJwt(await task.token())["task"]]).toEqual([false, task.id])
    expect(await codeOf(task.stepUp(await agents.session("bob")))).toBe("token_refused")
    // It is renewed like any other, however soon after the first it came.
    const stepped = await task.token()
    const clock = later(230)
    try {
      expect(await task.token()).not.toBe(stepped)
    } finally {
      clock.restore()
    }
  })
})

describe("a bound task", () => {
  const bound = async (more: Parameters<Agents["open"]>[0] = {}): Promise<Task> =>
    agents.open({ identity: agents.svid(VAULT), dpop: true, ...more })

  test("proves its key, also after its nonce was forgotten", async () => {
    await using task = await bound()
    expect(task.isBound).toBe(true)
    expect([await tickets(task), await tickets(task)]).toEqual([200, 200])
    const plain = await fetch(`${agents.edge.origin}/crm/tickets`, {
      headers: { authorization: `Bearer ${await task.token()}` },
    })
    expect(plain.status).toBe(401)
    // The ledger is evicted, and then asks for a nonce.
    await new Promise((resolve) => setTimeout(resolve, 13_000))
    const { status, headers } = await task.fetch(`${agents.edge.origin}/crm/tickets`)
    expect([status, headers.get("dpop-nonce")]).toEqual([200, null])
  })

  test("is the same after its token has expired", async () => {
    const session = await agents.session("alice")
    await using task = await bound({ session })
    const { id } = task
    const clock = later(130)
    try {
      await task.token()
      expect(task.id).toBe(id)
    } finally {
      clock.restore()
    }
  })

  test("a clock that is off is put right", async () => {
    const clock = later(-600)
    try {
      await using task = await bound()
      expect(await tickets(task)).toBe(200)
    } finally {
      clock.restore()
    }
  })
})

describe("a task for which its user has to consent", () => {
  const CONSENT_WITHIN_MS = 30_000
  const wanted = {
    purpose: "answer-customer",
    authorizationDetails: [
      {
        type: "narrowgate_call",
        tools: ["mail.send"],
        actions: ["write"],
        arguments: { to: { eq: "bob@example.org" } },
      },
    ],
  } as const
  const mail = async (task: Task, to: string): Promise<number> => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ to }) }
    return (await task.fetch(`${agents.edge.origin}/mail/messages`, init)).status
  }

  test("is an error that says to what, and where", async () => {
    const thrown = await agents.open(wanted).catch((each: unknown) => each)
    expect(thrown).toBeInstanceOf(ConsentRequiredError)
    const { origin } = agents.stack
    expect(thrown).toMatchObject({
      code: "consent_required",
      scope: "mail.send:write",
      authorizationEndpoint: `${origin}/oauth/authorize`,
      backchannelEndpoint: `${origin}/oauth/bc-authorize`,
      refusal: { error: "consent_required", status: 400, decision: expect.stringMatching(/^dec_/) },
    })
  })

  test(
    "opens once they have, bound, and with the bounds that they were shown",
    async () => {
      const asked: ConsentRequest[] = []
      let isLost = false
      await using task = await agents.open({
        ...wanted,
        dpop: true,
        // The first question whether they have answered gets no answer.
        fetch: async (input, init) => {
          if (!isLost) return fetch(input, init)
          isLost = false
          throw new TypeError("fetch failed, by a test")
        },
        onConsent: async (request) => {
          asked.push(request)
          await agents.consent(request, "approve")
          isLost = true
        },
      })
      const [{ url, scope, expiresAt } = { url: "", scope: "", expiresAt: 0 }] = asked
      expect(url).toMatch(new RegExp(`^${agents.stack.origin}/console/approvals/tsk_[^./]+$`, "u"))
      expect([asked.length, scope, task.scope, task.isBound]).toEqual([1, "mail.send:write", "mail.send:write", true])
      expect(expiresAt).toBeGreaterThan(Date.now())
      expect([await mail(task, "bob@example.org"), await mail(task, "eve@example.org")]).toEqual([201, 403])
    },
    CONSENT_WITHIN_MS,
  )

  test(
    "is refused if they refuse",
    async () => {
      const onConsent = async (request: ConsentRequest): Promise<void> => agents.consent(request, "reject")
      const thrown = await agents.open({ ...wanted, onConsent }).catch((each: unknown) => each)
      expect(thrown).toMatchObject({ code: "token_refused", refusal: { error: "access_denied" } })
    },
    CONSENT_WITHIN_MS,
  )

  test(
    "waits no longer than its caller",
    async () => {
      const ending = new AbortController()
      const onConsent = (): void => void setTimeout(() => ending.abort(new Error("enough, by a test")), 100)
      await expect(agents.open({ ...wanted, signal: ending.signal, onConsent })).rejects.toThrow("enough, by a test")
    },
    CONSENT_WITHIN_MS,
  )
})

describe("another agent's task", () => {
  test("comes out of the task, with no more than it has", async () => {
    await using task = await agents.open({ purpose: "triage-ticket" })
    const child = await task.delegate({ id: RESEARCHER, identity: agents.svid(RESEARCHER) }, "crm.tickets.*:read")
    expect([child.id.startsWith(`${task.id}.`), child.scope]).toEqual([true, "crm.tickets.*:read"])
    expect(await tickets(child)).toBe(200)
    await task.complete()
    expect((await child.fetch(`${agents.edge.origin}/crm/tickets`)).status).toBe(401)
  })

  test("comes out of a bound task by a hand-over, in another process too", async () => {
    await using task = await agents.open({ dpop: true, purpose: "triage-ticket" })
    await using child = await task.delegate({ id: RESEARCHER, identity: agents.svid(RESEARCHER) })
    expect([child.isBound, await tickets(child)]).toEqual([true, 200])
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"])
    const { calculateJwkThumbprint, exportJWK } = await import("jose")
    const thumbprint = await calculateJwkThumbprint(await exportJWK(pair.publicKey))
    const parent = await task.handOver({ id: RESEARCHER, thumbprint })
    const { stack, edge } = agents
    const identity = agents.svid(RESEARCHER)
    const open = async (dpop: CryptoKeyPair | true) =>
      openTask({ issuer: stack.origin, identity, parent, dpop, resource: edge.origin })
    expect(await codeOf(open(true))).toBe("token_refused")
    await using elsewhere = await open(pair)
    expect(await tickets(elsewhere)).toBe(200)
    await expect(task.handOver({ id: RESEARCHER })).rejects.toThrow(/thumbprint/)
  })
})

describe("a saved task", () => {
  const restored = async (task: Task): Promise<SavedTask> => JSON.parse(JSON.stringify(await task.save()))
  test("goes on, bound or not", async () => {
    for (const dpop of [false, { extractable: true }] as const) {
      const task = await agents.open({ dpop })
      await using resumed = await resumeTask(await restored(task), { identity: agents.svid(SUPPORT) })
      expect([resumed.id, await tickets(resumed)]).toEqual([task.id, 200])
    }
  })

  test("has no key that cannot be exported: the caller keeps it", async () => {
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"])
    const saved = await restored(await agents.open({ dpop: pair }))
    expect(saved.key).toBeNull()
    const identity = agents.svid(SUPPORT)
    expect(await codeOf(resumeTask(saved, { identity }))).toBe("saved_invalid")
    await using resumed = await resumeTask(saved, { identity, dpop: pair })
    expect(await tickets(resumed)).toBe(200)
  })

  test("goes on after its token has expired, if it is bound and there is a session", async () => {
    const [identity, session] = [agents.svid(SUPPORT), await agents.session("alice")]
    const saved = await restored(await agents.open({ dpop: { extractable: true }, session }))
    const unbound = await restored(await agents.open())
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const [other, bob] = [await agents.session("alice"), await agents.session("bob")]
    const clock = later(400)
    try {
      expect(await codeOf(resumeTask(unbound, { identity, session }))).toBe("task_ended")
      await using resumed = await resumeTask(saved, { identity, session })
      expect([resumed.id, await tickets(resumed)]).toEqual([saved.task, 200])
      clock.set(800)
      // Another user does not continue it: policy permits bob nothing here, in a task of his own either.
      expect(await codeOf(resumeTask(saved, { identity, session: bob }))).toBe("token_refused")
      // A fresher login of the same user goes on with it, and then the older one no longer does.
      for (const fresher of [session, other, other]) {
        const again = await resumeTask(saved, { identity, session: fresher })
        expect([again.id, await tickets(again)]).toEqual([saved.task, 200])
      }
      // It opens another task, and nobody gets that in place of the one that was saved.
      expect(await codeOf(resumeTask(saved, { identity, session }))).toBe("task_ended")
    } finally {
      clock.restore()
    }
  })

  test("that is none is refused", async () => {
    const identity = agents.svid(SUPPORT)
    const good = await restored(await agents.open({ dpop: { extractable: true } }))
    for (const bad of [null, {}, "x", { ...good, version: 2 }, { ...good, token: 1 }, { ...good, key: { kty: "EC" } }])
      expect(await codeOf(resumeTask(JSON.parse(JSON.stringify(bad)), { identity }))).toBe("saved_invalid")
  })
})

const realNow = Date.now

/** This process's clock, so many seconds later, until it is restored. The issuer's stays as it is. */
function later(seconds: number): { readonly set: (seconds: number) => void; readonly restore: () => void } {
  const set = (seconds: number): void => {
    Date.now = () => realNow() + seconds * 1000
  }
  set(seconds)
  return {
    set,
    restore: () => {
      Date.now = realNow
    },
  }
}
