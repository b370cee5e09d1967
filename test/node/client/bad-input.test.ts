/** What answers in place of the issuer, and identities that fail: a typed error each, in time, without a secret. */
import { createServer, type RequestListener, type ServerResponse } from "node:http"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { SignJWT, exportJWK, generateKeyPair } from "jose"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { listen, type Listening } from "../../../dev/loopback.ts"
import {
  fromFile,
  fromGitHubActions,
  fromPrivateKey,
  NarrowgateError,
  openTask,
  type ConsentRequest,
  type Identity,
  type OpenTaskOptions,
} from "../../../client/index.ts"

/** Nobody signs with it elsewhere. */
const SECRET = "c2VjcmV0LW9mLXRoZS1hZ2VudA"

const proofFor = async (audience: string, more: Record<string, unknown> = {}): Promise<string> => {
  const { privateKey } = await generateKeyPair("ES256")
  return new SignJWT({ ...more, jti: SECRET })
    .setProtectedHeader({ alg: "ES256" })
    .setAudience(audience)
    .sign(privateKey)
}
const good: Identity = async ({ audience }) => proofFor(audience)

let answer: RequestListener = () => undefined
let server: Listening
let issuer = ""
let number = 0
beforeAll(async () => {
  server = await listen(
    createServer((request, response) => {
      answer(request, response)
    }),
    0,
  )
})
afterAll(async () => server.close())

const metadata = (more: object = {}): string =>
  JSON.stringify({ issuer, token_endpoint: `${issuer}/oauth/token`, ...more })

/** Each under a path of its own, because what is known of an issuer is remembered. */
function serve(listener: RequestListener): void {
  issuer = `${server.origin}/${number++}`
  answer = listener
}

/** Metadata that is good, and a token endpoint that answers so. */
function serveTokens(listener: RequestListener): void {
  serve((request, response) => {
    if (request.url?.includes(".well-known")) {
      response.setHeader("content-type", "application/json").end(metadata())
    } else listener(request, response)
  })
}

async function failure(options: Partial<OpenTaskOptions> = {}): Promise<NarrowgateError> {
  const thrown = await openTask({ issuer, identity: good, timeout: 500, ...options }).then(
    () => null,
    (error: unknown) => error,
  )
  if (!(thrown instanceof NarrowgateError)) throw new Error(`it threw ${String(thrown)}`)
  const told = [
    thrown.message,
    thrown.stack,
    JSON.stringify(thrown.cause, Object.getOwnPropertyNames(thrown.cause ?? {})),
  ]
  expect(told.join(" ")).not.toContain(SECRET)
  return thrown
}

describe("an issuer", () => {
  test.each<readonly [name: string, body: () => string, type: string]>([
    ["garbage", () => "<html>", "text/html"],
    ["garbage that claims to be JSON", () => "{", "application/json"],
    ["no object", () => "[]", "application/json"],
    ["no issuer", () => "{}", "application/json"],
    ["another issuer", () => metadata({ issuer: "https://evil.example" }), "application/json"],
    ["its own path, with more", () => metadata({ issuer: `${issuer}/more` }), "application/json"],
    ["no token endpoint", () => metadata({ token_endpoint: undefined }), "application/json"],
    [
      "a token endpoint in the clear",
      () => metadata({ token_endpoint: "http://evil.example/token" }),
      "application/json",
    ],
    ["a token endpoint that is no URL", () => metadata({ token_endpoint: "/token" }), "application/json"],
    ["more than anybody reads", () => metadata({ padding: "x".repeat(200_000) }), "application/json"],
  ])("whose metadata is %s", async (_, body, type) => {
    serve((_request, response) => response.setHeader("content-type", type).end(body()))
    expect((await failure()).code).toBe("issuer_invalid")
  })

  test("whose token endpoint in the clear another caller allows", async () => {
    const meshed = "http://authz.internal.example/token"
    const sent: string[] = []
    const net: typeof fetch = async (input) => {
      const { href } = new URL(input instanceof Request ? input.url : input)
      sent.push(href)
      return href === meshed ? Response.json({ error: "x" }, { status: 400 }) : fetch(href)
    }
    serve((_request, response) =>
      response.setHeader("content-type", "application/json").end(metadata({ token_endpoint: meshed })),
    )
    expect((await failure({ fetch: net, allowHttp: true })).code).toBe("token_refused")
    expect(sent).toHaveLength(2)
    // The metadata is cached by now.
    expect((await failure({ fetch: net })).code).toBe("issuer_invalid")
    expect(sent.filter((url) => url === meshed)).toHaveLength(1)
  })

  test("whose answer is too long says so", async () => {
    serve((_request, response) =>
      response.setHeader("content-type", "application/json").end(metadata({ padding: "x".repeat(200_000) })),
    )
    expect((await failure()).message).toBe("an answer has more than 131072 bytes")
  })

  test("that is elsewhere: no redirect is followed", async () => {
    serve((request, response) => {
      if (request.url?.endsWith("/moved")) response.setHeader("content-type", "application/json").end(metadata())
      else response.writeHead(302, { location: `${issuer}/moved` }).end()
    })
    expect((await failure()).code).toBe("issuer_invalid")
  })

  test("that does not answer, or only begins to", async () => {
    serve(() => undefined)
    expect(await failure()).toMatchObject({
      code: "issuer_unreachable",
      message: expect.stringContaining("within 500 ms"),
    })
    serve((_request, response) => response.setHeader("content-type", "application/json").write("{"))
    expect((await failure()).code).toBe("issuer_unreachable")
    answer = (_request, response) => void response.socket?.destroy()
    expect((await failure()).code).toBe("issuer_unreachable")
    answer = (_request, response) => void response.writeHead(502).end("<html>")
    expect((await failure()).code).toBe("issuer_unreachable")
  })

  test("that is no URL, or in the clear", async () => {
    expect((await failure({ issuer: "authz.example" })).code).toBe("issuer_invalid")
    expect((await failure({ issuer: "http://authz.example" })).code).toBe("insecure_url")
    expect((await failure({ issuer: "ftp://authz.example", allowHttp: true })).code).toBe("insecure_url")
  })

  test.each<readonly [name: string, answer: object]>([
    ["no JSON object", []],
    ["no token", { token_type: "Bearer", expires_in: 300, task: "tsk_1", purpose: "p" }],
    [
      "no header's value",
      { access_token: `${SECRET}\nx`, token_type: "Bearer", expires_in: 9, task: "tsk_1", purpose: "p" },
    ],
    ["no task", { access_token: SECRET, token_type: "Bearer", expires_in: 300, purpose: "p" }],
    ["no life", { access_token: SECRET, token_type: "Bearer", task: "tsk_1", purpose: "p" }],
    [
      "a type that nobody knows",
      { access_token: SECRET, token_type: "mac", expires_in: 300, task: "tsk_1", purpose: "p" },
    ],
  ])("whose token is %s", async (_, body) => {
    serveTokens((_request, response) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(body)),
    )
    expect((await failure()).code).toBe("issuer_invalid")
  })

  test("whose token is not bound to the key that was proven", async () => {
    const body = { access_token: "t", token_type: "Bearer", expires_in: 300, task: "tsk_1", purpose: "p" }
    serveTokens((_request, response) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(body)),
    )
    expect((await failure({ dpop: true })).code).toBe("issuer_invalid")
  })

  test("whose tokens live long is asked again before they expire, and not before", async () => {
    let issued = 0
    let life = 1e12
    const warnings: string[] = []
    process.on("warning", ({ name }) => warnings.push(name))
    serveTokens((_request, response) => {
      const token = { access_token: `t${issued++}`, token_type: "Bearer", task: "tsk_1", purpose: "p" }
      response.setHeader("content-type", "application/json").end(JSON.stringify({ ...token, expires_in: life }))
    })
    const wait = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
    await openTask({ issuer, identity: good })
    await wait(200)
    expect([issued, warnings]).toEqual([1, []])
    life = 4
    const task = await openTask({ issuer, identity: good })
    await openTask({ issuer, identity: good, keepAlive: false })
    await wait(3_300)
    expect([issued, await task.token()]).toEqual([4, "t3"])
  })

  test("whose task is about to end gives shorter and shorter tokens, and is not asked for ever", async () => {
    let issued = 0
    const end = Date.now() + 5_000
    serveTokens((request, response) => {
      // The tasks of other tests go on.
      if (request.url?.startsWith(new URL(issuer).pathname)) issued++
      const token = { access_token: `t${issued}`, token_type: "Bearer", task: "tsk_1", purpose: "p" }
      response
        .setHeader("content-type", "application/json")
        .end(JSON.stringify({ ...token, expires_in: Math.max(0.1, (end - Date.now()) / 1000) }))
    })
    const task = await openTask({ issuer, identity: good })
    await new Promise((resolve) => setTimeout(resolve, 5_200))
    await expect(task.token()).rejects.toMatchObject({ code: "task_ended" })
    expect(issued).toBe(2)
  })

  test("that refuses says why, and when to come back", async () => {
    const refusal = { error: "rate_limited", error_description: "Too many.", decision_id: "dec_1" }
    serveTokens((_request, response) =>
      response.writeHead(429, { "content-type": "application/json", "retry-after": "7" }).end(JSON.stringify(refusal)),
    )
    expect(await failure()).toMatchObject({
      code: "token_refused",
      message: "no token: rate_limited: Too many. (decision dec_1)",
      refusal: { error: "rate_limited", status: 429, decision: "dec_1", retryAfter: 7 },
    })
    answer = (_request, response) => void response.writeHead(500).end("oops")
    expect((await failure()).code).toBe("issuer_unreachable")
    answer = (_request, response) => void response.writeHead(403).end("oops")
    expect((await failure()).code).toBe("issuer_invalid")
  })

  test("is given up when the caller does", async () => {
    serve(() => undefined)
    const signal = AbortSignal.timeout(50)
    const thrown: unknown = await openTask({ issuer, identity: good, signal }).catch((error: unknown) => error)
    expect(thrown).toBe(signal.reason)
  })
})

describe("an issuer that wants the user's consent", () => {
  const session = `e30.${Buffer.from('{"iss":"https://login.example","sub":"alice"}').toString("base64url")}.e30`
  const REQUEST = { auth_req_id: "tsk_1.secret", expires_in: 60, interval: 1 }
  const shown: string[] = []
  const onConsent = ({ url }: ConsentRequest): void => void shown.push(url)
  const json = (response: ServerResponse, status: number, body: unknown, headers: object = {}): void =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

  /** @param poll answers each question whether the user has answered */
  function serveConsent(request: RequestListener, poll: RequestListener, more: object = {}): void {
    shown.length = 0
    serve(async (received, response) => {
      const { url = "" } = received
      const endpoint = { backchannel_authentication_endpoint: `${issuer}/bc`, ...more }
      if (url.includes(".well-known")) return json(response, 200, JSON.parse(metadata(endpoint)))
      if (url.endsWith("/bc")) return request(received, response)
      const form = new URLSearchParams(await text(received))
      if (form.has("auth_req_id")) return poll(received, response)
      return json(response, 400, { error: "consent_required", scope: "mail.send:write" })
    })
  }

  test("is polled at its pace, through outages, until the user has consented", async () => {
    const polls: number[] = []
    const token = { access_token: "t", token_type: "Bearer", expires_in: 300, task: "tsk_2", purpose: "p", scope: "s" }
    const answers: readonly ((response: ServerResponse) => void)[] = [
      (response) => json(response, 503, { error: "temporarily_unavailable" }, { "retry-after": "5" }),
      (response) => response.writeHead(502).end("<html>"),
      (response) => response.destroy(),
      (response) => json(response, 400, { error: "authorization_pending" }),
      (response) => json(response, 400, { error: "slow_down" }),
      (response) => json(response, 200, token),
    ]
    serveConsent(
      (_request, response) => json(response, 200, REQUEST),
      (_request, response) => answers[polls.push(Date.now()) - 1]?.(response),
    )
    const task = await openTask({ issuer, identity: good, session, onConsent })
    expect([task.id, shown]).toEqual(["tsk_2", [`${issuer}/console/approvals/tsk_1`]])
    const pauses = polls.map((at, index) => Math.round((at - (polls[index - 1] ?? at)) / 1_000))
    expect(pauses).toEqual([0, 1, 1, 1, 1, 6])
  }, 20_000)

  test.each(["authorization_pending", "slow_down"])(
    "and says for ever that it is %s is left",
    async (error) => {
      let polls = 0
      serveConsent(
        (_request, response) => json(response, 200, { ...REQUEST, expires_in: 1.5 }),
        (_request, response) => json(response, 400, { error, polls: ++polls }),
      )
      expect(await failure({ session, onConsent })).toMatchObject({ code: "token_refused", refusal: { error } })
      expect(polls).toBe(2)
    },
    12_000,
  )

  test.each<readonly [name: string, code: string, request: RequestListener]>([
    ["leads elsewhere", "issuer_invalid", (_, response) => response.writeHead(307, { location: `${issuer}/x` }).end()],
    ["is no JSON", "issuer_invalid", (_, response) => response.end("<html>")],
    ["names no request", "issuer_invalid", (_, response) => json(response, 200, { ...REQUEST, auth_req_id: 7 })],
    ["names no task", "issuer_invalid", (_, response) => json(response, 200, { ...REQUEST, auth_req_id: "../@evil" })],
    ["is no text", "issuer_invalid", (_, response) => json(response, 200, { ...REQUEST, auth_req_id: "\ud800" })],
    [
      "does not say for how long",
      "issuer_invalid",
      (_, response) => json(response, 200, { ...REQUEST, expires_in: "9" }),
    ],
    ["is too long", "issuer_invalid", (_, response) => json(response, 200, { ...REQUEST, x: "x".repeat(200_000) })],
    ["is an outage", "issuer_unreachable", (_, response) => response.writeHead(500).end()],
    ["is none", "issuer_unreachable", () => undefined],
    ["is a refusal", "token_refused", (_, response) => json(response, 400, { error: "unknown_user_id" })],
  ])("by an answer that %s", async (_, code, request) => {
    const polls: string[] = []
    serveConsent(request, ({ url = "" }) => void polls.push(url))
    expect((await failure({ session, onConsent })).code).toBe(code)
    expect([shown, polls]).toEqual([[], []])
  })

  test.each(["http://evil.example/bc", "/bc", undefined])("at %s", async (endpoint) => {
    serveConsent(
      () => undefined,
      () => undefined,
      { backchannel_authentication_endpoint: endpoint },
    )
    expect((await failure({ session, onConsent })).code).toBe("issuer_invalid")
    expect(shown).toEqual([])
  })

  test("of a session that names nobody says so", async () => {
    serveConsent(
      () => undefined,
      () => undefined,
    )
    for (const anonymous of ["opaque", "e30.e30.e30", `e30.${Buffer.from('{"iss":7}').toString("base64url")}.e30`])
      expect((await failure({ session: anonymous, onConsent })).code).toBe("consent_required")
    expect((await failure({ onConsent })).code).toBe("consent_required")
  })
})

describe("a session", () => {
  test.each<readonly [name: string, session: unknown]>([
    ["is empty", ""],
    ["is no header's value", `${SECRET}\nx`],
    ["is nothing", () => undefined],
    ["has no token", async () => ({ type: "id_token" })],
    ["is null", null],
    ["throws", () => Promise.reject(new Error("the user has logged out"))],
  ])("that %s", async (_, session) => {
    const sent: string[] = []
    serveTokens((request, response) => {
      sent.push(request.url ?? "")
      response.writeHead(500).end()
    })
    const options = Object.fromEntries([["session", session]])
    expect((await failure(options)).code).toBe("session_failed")
    expect(sent).toEqual([])
  })
})

describe("an identity", () => {
  const noEndpoint: RequestListener = (_request, response) => void response.writeHead(500).end()

  test.each<readonly [name: string, identity: Identity, why: RegExp]>([
    ["throws", () => Promise.reject(new Error("the vault is sealed")), /the vault is sealed/],
    ["hangs", () => new Promise<string>(() => undefined), /no answer within 500 ms/],
    ["is no JWT", () => SECRET, /it is no JWT/],
    ["is nothing", () => Reflect.get({}, "token"), /it is no JWT/],
    [
      "is for another",
      async () => proofFor("https://other.example"),
      /its audience is https:\/\/other.example, and not/,
    ],
    ["is for several others", async () => proofFor("x", { aud: ["a", "b"] }), /its audience is/],
  ])("that %s", async (_, identity, why) => {
    serveTokens(noEndpoint)
    expect(await failure({ identity })).toMatchObject({ code: "identity_failed", message: expect.stringMatching(why) })
  })

  test("in a file is read each time", async () => {
    const directory = await mkdtemp(join(tmpdir(), "narrowgate-identity-"))
    const path = join(directory, "svid.jwt")
    const sent: string[] = []
    serveTokens((request, response) => {
      request.setEncoding("utf8").on("data", (body: string) => sent.push(body))
      request.on("end", () => response.writeHead(400, { "content-type": "application/json" }).end('{"error":"x"}'))
    })
    const identity = fromFile(path)
    expect(await failure({ identity })).toMatchObject({
      code: "identity_failed",
      message: expect.stringContaining(path),
    })
    await writeFile(path, `${await proofFor(issuer, { sub: "first" })}\n`)
    expect((await failure({ identity })).code).toBe("token_refused")
    await writeFile(path, await proofFor(issuer, { sub: "second" }))
    expect((await failure({ identity })).code).toBe("token_refused")
    expect(sent).toHaveLength(2)
    expect(sent[0]).not.toBe(sent[1])
    await rm(directory, { recursive: true })
  })

  test("of a key says what it lacks", async () => {
    serveTokens(noEndpoint)
    const { privateKey } = await generateKeyPair("ES256", { extractable: true })
    const { alg: _, ...jwk } = await exportJWK(privateKey)
    const identity = fromPrivateKey({ agent: "https://agent.example", key: jwk })
    expect(await failure({ identity })).toMatchObject({
      code: "identity_failed",
      message: expect.stringContaining("alg"),
    })
  })

  describe("of GitHub Actions", () => {
    afterEach(() => {
      delete process.env["ACTIONS_ID_TOKEN_REQUEST_URL"]
      delete process.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    })

    test("says that the job may not have one", async () => {
      serveTokens(noEndpoint)
      expect(await failure({ identity: fromGitHubActions() })).toMatchObject({
        code: "identity_failed",
        message: expect.stringContaining("id-token: write"),
      })
    })

    test("is asked for, for this audience", async () => {
      let asked = ""
      serve(async (request, response) => {
        const { url = "", headers } = request
        response.setHeader("content-type", "application/json")
        if (url.includes(".well-known")) response.end(metadata())
        else if (url.startsWith("/github")) {
          asked = `${url} ${headers.authorization}`
          response.end(JSON.stringify({ value: await proofFor(issuer) }))
        } else response.writeHead(400).end('{"error":"x"}')
      })
      process.env["ACTIONS_ID_TOKEN_REQUEST_URL"] = `${server.origin}/github?api=1`
      process.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "runner"
      expect((await failure({ identity: fromGitHubActions() })).code).toBe("token_refused")
      expect(asked).toBe(`/github?api=1&audience=${encodeURIComponent(issuer)} Bearer runner`)
    })
  })
})
