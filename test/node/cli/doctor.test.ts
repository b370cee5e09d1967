/** `narrowgate doctor` against the real Worker and gateways: all is well, and each thing that goes wrong. */
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from "vitest"
import { checkGatewayKeys } from "../../../cli/doctor/checks/gateway-keys.ts"
import { examine, type Examined } from "../../../cli/doctor/examine.ts"
import { subjectOf, type Given, type Subject } from "../../../cli/doctor/subject.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { startGateway, type GatewayOptions } from "../../../dev/gateway.ts"
import { freePort, listen, type Listening } from "../../../dev/loopback.ts"
import { startApi, startEverything } from "../../../dev/upstreams.ts"
import { serverOf, serverThat } from "../doctor/servers.ts"
import { ownStack } from "./own-stack.ts"
import { run } from "./run.ts"

const [edge, web, mcp] = [await freePort(), await freePort(), await freePort()]
const EDGE = `http://127.0.0.1:${edge}`

const own = ownStack(
  async () => undefined,
  async (policies) => {
    for (const file of ["gateways.yaml", "catalog.yaml"]) {
      const text = await readFile(join(policies, file), "utf8")
      const moved = text
        .replaceAll("http://127.0.0.1:8080", EDGE)
        .replaceAll("http://127.0.0.1:8081", `http://127.0.0.1:${web}`)
        .replaceAll(/http:\/\/127\.0\.0\.1:808[2-4](?=\/mcp)/gu, `http://127.0.0.1:${mcp}`)
      await writeFile(join(policies, file), moved)
    }
  },
)

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-doctor-"))
  await cp(join(own().directory, "policies"), join(directory, "policies"), { recursive: true })
})
afterEach(() => rm(directory, { recursive: true }))

type Found = Examined

async function subject(more: Partial<Given> = {}): Promise<Subject> {
  const { origin: url, provider: idp } = own().stack
  const policies = join(directory, "policies")
  return subjectOf({ directory: policies, isDirectoryNamed: false, url, isUrlNamed: true, idp, ...more })
}

/** As the command does it, without the second that its process takes to start. */
async function doctor(more: Partial<Given> = {}) {
  const found = await examine(await subject(more))
  const of = (check: string, about?: string): Found[] =>
    found.filter((each) => each.check === check && (about === undefined || each.about === about))
  return { found, of }
}

const command = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run(directory, ["doctor", ...args, "--idp", own().stack.provider], { NARROWGATE_URL: own().stack.origin, ...env })

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const path = join(directory, "policies", file)
  const before = await readFile(path, "utf8")
  const after = change(before)
  expect(after).not.toBe(before)
  await writeFile(path, after)
}

const problems = (found: readonly Found[]): Found[] => found.filter(({ level }) => level === "problem")

describe("behind gateways that ask", () => {
  const parts: { readonly close: () => Promise<void> }[] = []
  beforeAll(async () => {
    const [everything, api] = [await startEverything({ port: mcp }), await startApi({ port: 0 })]
    const authorizer = (id: string) => ({ origin: own().stack.origin, key: developmentKey(id) })
    parts.push(
      everything,
      api,
      await startGateway({
        port: edge,
        id: "edge",
        authorizer: { ...authorizer("edge"), dialect: "envoy" },
        routes: [
          { prefix: "/everything/mcp", upstream: everything.url, server: "everything" },
          { prefix: "/billing/mcp", upstream: everything.url },
          { prefix: "/crm", upstream: `${api.url}/crm` },
        ],
      }),
      await startGateway({
        port: web,
        id: "web",
        authorizer: { ...authorizer("web"), dialect: "nginx" },
        routes: [{ prefix: "/desk/mcp", upstream: everything.url }],
      }),
    )
  })
  afterAll(async () => {
    for (const part of parts.toReversed()) await part.close()
  })

  test("all is well, within the time that it may take", async () => {
    const began = Date.now()
    const { found, of } = await doctor()
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(found.filter(({ level }) => !["ok", "skipped"].includes(level))).toEqual([])
    for (const check of [
      "worker",
      "name",
      "version",
      "bundle",
      "clock",
      "issuer",
      "key",
      "gateway",
      "server",
      "metadata",
    ])
      expect(
        of(check).map(({ level }) => level),
        check,
      ).toEqual(of(check).map(() => "ok"))
    expect(of("gateway").map(({ about }) => about)).toEqual(["edge", "web", "forward"])
    expect(of("server").map(({ about }) => about)).toEqual(["everything", "desk", "billing"])
    expect(of("clock")[0]?.text).toBe("agrees with the Worker, local, workloads, within 30 seconds")
    expect(of("bundle")[0]?.text).toMatch(/^bundle 1 \([0-9a-f]{12}\) decides, and is what \S+policies says$/)
  })

  test("a person sees a line for each check, and what it counted", async () => {
    const { code, stdout, stderr } = await command([])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toMatch(/^ok +platform +.+, Node \d+\./)
    expect(stdout).toMatch(/\nok +gateway edge +without a token it denies \(3 asked\)/)
    expect(stdout).toMatch(/\nno problems; \d+ ok, 0 to look at, \d+ skipped {2}\d+\.\d s\n$/)
  })

  test("edits that are not published are told, and how to publish them", async () => {
    await edit("guardrails.yaml", (text) => text.replace("limit: 600", "limit: 599"))
    const { of } = await doctor()
    expect(of("bundle")).toMatchObject([
      { level: "warn", text: expect.stringContaining("differs"), fix: expect.stringMatching(/narrowgate.* publish/) },
    ])
  })

  test("the key of a gateway: the right one, another's, one with a line end, and none that anybody knows", async () => {
    const give = async (key: string) => (await doctor({ gateway: { id: "edge", key: key } })).of("key", "edge")
    expect(await give(developmentKey("edge"))).toMatchObject([{ level: "ok" }])
    expect(await give(developmentKey("web"))).toMatchObject([{ level: "problem", text: "the key is that of web" }])
    expect(await give(`${developmentKey("edge")}\n`)).toMatchObject([
      { level: "problem", text: expect.stringContaining("white space") },
    ])
    const [unknown] = await give("ngk_somebody_elses_key_0000")
    expect(unknown).toMatchObject({ level: "problem", text: "the key is not the one of gateways.yaml" })
    expect(unknown?.fix).toMatch(/`key_sha256`: [0-9a-f]{64}$/)
    expect(JSON.stringify(unknown)).not.toContain("ngk_")
    const { of } = await doctor({ gateway: { id: "egde", key: "x" } })
    expect(of("key")).toMatchObject([{ about: "egde", level: "problem", fix: expect.stringContaining("edge") }])
  })

  test("a key that is registered here alone is unknown to the Worker", async () => {
    const hash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    await edit("gateways.yaml", (text) => text.replace("key_sha256: []", `key_sha256: [${hash}]`))
    const { of } = await doctor({ gateway: { id: "edge", key: "foo" } })
    expect(of("key", "edge")).toMatchObject([
      {
        level: "problem",
        text: expect.stringContaining("does not know the key"),
        fix: expect.stringContaining("publish"),
      },
    ])
  })

  test("a key that was not given is no problem of a Worker on this machine that is not the local stack", async () => {
    await edit("gateways.yaml", (text) => text.replace("- id: web", "- id: elsewhere"))
    const { of } = await doctor()
    expect(of("key", "elsewhere")).toMatchObject([
      { level: "skipped", text: "its key is not given: --gateway elsewhere --key-env VARIABLE" },
    ])
    expect(of("key", "edge")).toMatchObject([{ level: "ok" }])
  })

  describe("a token", () => {
    async function tokenOf(...args: readonly string[]): Promise<string> {
      const { stdout } = await run(directory, ["token", ...args, "--idp", own().stack.provider], {
        NARROWGATE_URL: own().stack.origin,
      })
      return stdout.trim()
    }
    const SUPPORT = "spiffe://example.org/agent/support"

    it("is read in words, and never shown", async () => {
      const exchanged = ["exchange", "--agent", SUPPORT, "--user", "alice", "--audience", "https://api.example"]
      for (const [args, says] of [
        [
          exchanged,
          [
            "valid for another",
            "bound to no key",
            "for https://api.example (gateway edge, web, forward)",
            "signed by the Worker",
          ],
        ],
        [
          ["user", "--login", "alice"],
          ["valid for another", "bound to no key", "a user's session"],
        ],
        [["operator"], ["valid for another", "bound to no key", "an operator's"]],
        [
          ["workload", "--id", SUPPORT],
          ["valid for another", "bound to no key", "a workload's identity, for this Worker"],
        ],
      ] as const) {
        const token = await tokenOf(...args)
        const { of, found } = await doctor({ token })
        expect(of("token")).toMatchObject(says.map((text) => ({ level: "ok", text: expect.stringContaining(text) })))
        for (const part of token.split(".")) expect(JSON.stringify(found)).not.toContain(part)
      }
    })

    it("for somebody else, of somebody else, forged, or none at all is a problem", async () => {
      const { privateKey } = await generateKeyPair("ES256")
      const sign = async (claims: Record<string, unknown>) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: "ES256", typ: "at+jwt" })
          .setIssuedAt()
          .setExpirationTime("5m")
          .sign(privateKey)
      const [worker, provider] = [own().stack.origin, own().stack.provider]
      for (const [token, says] of [
        [await tokenOf("workload", "--id", SUPPORT, "--audience", "https://other.example"), "for another audience"],
        [
          await sign({ iss: "https://idp.example", aud: worker }),
          "https://idp.example, which issuers.yaml does not have",
        ],
        [await sign({ iss: provider, aud: "https://graph.example" }), "for https://graph.example, not for this Worker"],
        [await sign({ iss: provider, aud: worker, client_id: "elsewhere" }), "its client elsewhere"],
        [await sign({ iss: worker, aud: "https://mail.example" }), "no gateway accepts that"],
        [await sign({ iss: worker, aud: "https://api.example" }), "no key of the Worker has signed it"],
        ["opaque", "it is no JWT"],
      ] as const) {
        const found = problems((await doctor({ token })).of("token"))
        expect(found.map(({ text }) => text).join("; ")).toContain(says)
      }
    })

    it("is told to be bound to a key", async () => {
      const { privateKey } = await generateKeyPair("ES256")
      const bound = new SignJWT({ iss: own().stack.origin, aud: "https://api.example", cnf: { jkt: "x" } })
      const token = await bound.setProtectedHeader({ alg: "ES256" }).setExpirationTime("5m").sign(privateKey)
      const { of } = await doctor({ token })
      expect(of("token").map(({ text }) => text)).toContainEqual(expect.stringContaining("send it as `DPoP`"))
    })
  })
})

describe("a gateway that does not do its part", () => {
  const standing: Listening[] = []
  afterEach(async () => {
    for (const one of standing.splice(0)) await one.close()
  })
  async function stands(options: Partial<GatewayOptions> = {}, forward = `${EDGE}/nowhere`): Promise<void> {
    const authorizer = { origin: own().stack.origin, key: developmentKey("edge"), dialect: "envoy" } as const
    standing.push(
      await startGateway({
        port: edge,
        id: "edge",
        authorizer,
        routes: [{ prefix: "", upstream: forward }],
        ...options,
      }),
    )
  }
  const edgeFound = async (): Promise<Found | undefined> => (await doctor()).of("gateway", "edge")[0]

  it("that passes calls without asking is the worst, and told so", async () => {
    for (const status of [200, 400, 404, 302]) {
      standing.push(
        await listen(
          createServer((_request, response) => response.writeHead(status, { location: "/" }).end("{}")),
          edge,
        ),
      )
      expect(await edgeFound()).toMatchObject({
        level: "problem",
        text: expect.stringMatching(new RegExp(`is answered ${status}: THE GATEWAY DOES NOT ASK, AND PASSES CALLS$`)),
        fix: expect.stringMatching(/narrowgate.* gateway config edge/),
      })
      await standing.pop()?.close()
    }
  })

  it("that covers one path and not another passes calls as well", async () => {
    const authorizer = { origin: own().stack.origin, key: developmentKey("edge"), dialect: "envoy" } as const
    const behind = await startGateway({
      port: 0,
      id: "edge",
      publicOrigin: EDGE,
      authorizer,
      routes: [{ prefix: "", upstream: EDGE }],
    })
    standing.push(behind)
    standing.push(
      await listen(
        createServer(async (request, response) => {
          if (request.url?.startsWith("/billing") === true) return response.end("{}")
          const { method = "GET", url = "/" } = request
          const answer = await fetch(behind.origin + url, { method, redirect: "manual" })
          return response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
        }),
        edge,
      ),
    )
    expect(await edgeFound()).toMatchObject({
      level: "problem",
      text: expect.stringContaining(`${EDGE}/billing/mcp without a token is answered 200: THE GATEWAY DOES NOT ASK`),
    })
  })

  it.each([
    ["that keeps from Narrowgate what resumes a stream", "last-event-id", "problem"],
    ["that relays what resumes a stream", "x-none", "ok"],
  ])("%s", async (_what, dropped, level) => {
    const authorizer = { origin: own().stack.origin, key: developmentKey("edge"), dialect: "envoy" } as const
    const routes = [{ prefix: "", upstream: EDGE }]
    const behind = await startGateway({ port: 0, id: "edge", publicOrigin: EDGE, authorizer, routes })
    standing.push(behind)
    standing.push(
      await listen(
        createServer(async (request, response) => {
          const { method = "GET", url = "/", headers } = request
          const kept = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
            typeof value === "string" && !/^(?:host|connection|content-length)$/.test(name) && name !== dropped
              ? [[name, value]]
              : [],
          )
          const sent = await text(request)
          const body = sent === "" ? {} : { body: sent }
          const answer = await fetch(behind.origin + url, { method, redirect: "manual", headers: kept, ...body })
          return response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
        }),
        edge,
      ),
    )
    const found = await edgeFound()
    expect(found).toMatchObject({ level })
    if (level === "problem") expect(found?.text).toContain("it does not relay Last-Event-ID to Narrowgate")
  })

  it("that asks with a key that nobody knows", async () => {
    await stands({ authorizer: { origin: own().stack.origin, key: "ngk_wrong_key_00000000", dialect: "envoy" } })
    expect(await edgeFound()).toMatchObject({
      level: "problem",
      text: expect.stringContaining("key that the Worker does not know"),
    })
  })

  it("that does not reach the Worker denies, and says nothing", async () => {
    const origin = `http://127.0.0.1:${await freePort()}`
    await stands({ authorizer: { origin, key: developmentKey("edge"), dialect: "envoy" } })
    expect(await edgeFound()).toMatchObject({
      level: "problem",
      text: expect.stringContaining("is answered 403, without a word of Narrowgate"),
    })
    await standing.pop()?.close()
    await stands({ authorizer: { origin, key: developmentKey("edge"), dialect: "traefik" } })
    expect(await edgeFound()).toMatchObject({
      level: "problem",
      text: expect.stringContaining("is answered 500, not by Narrowgate"),
    })
  })

  it.each([
    ["the challenge", { "x-narrowgate-code": "missing_token" }, "without WWW-Authenticate"],
    ["everything", { "www-authenticate": "Basic" }, "by something else than Narrowgate"],
    [
      "where it leads",
      {
        "x-narrowgate-code": "missing_token",
        "www-authenticate": 'Bearer resource_metadata="https://other.example/x"',
      },
      "asks another Worker",
    ],
  ])("that changes %s of the answer", async (_what, headers, says) => {
    standing.push(
      await listen(
        createServer((_request, response) => response.writeHead(401, headers).end()),
        edge,
      ),
    )
    expect(await edgeFound()).toMatchObject({ text: expect.stringContaining(says), fix: expect.any(String) })
    expect((await edgeFound())?.level).not.toBe("ok")
  })

  it("that is not there is told of, with what starts one", async () => {
    const { of, found } = await doctor()
    expect(problems(found)).toEqual([])
    expect(of("gateway", "edge")).toMatchObject([{ level: "skipped", text: expect.stringContaining("dev --gateway") }])
    expect(of("metadata", "everything")).toMatchObject([{ level: "skipped" }])
  })

  it("that stands before a server that is down", async () => {
    const { of } = await doctor()
    expect(of("server", "everything")).toMatchObject([
      { level: "warn", text: `nothing listens at 127.0.0.1:${mcp}`, fix: expect.stringContaining("`probe`") },
    ])
    standing.push(
      await listen(
        createServer((_request, response) => response.writeHead(502).end()),
        mcp,
      ),
    )
    expect((await doctor()).of("server", "everything")).toMatchObject([
      { level: "warn", text: `http://127.0.0.1:${mcp}/mcp answers HTTP 502` },
    ])
    // Another machine may reach what this one does not.
    await edit("catalog.yaml", (text) => text.replace(`http://127.0.0.1:${mcp}/mcp`, "https://mcp.invalid/mcp"))
    expect((await doctor()).of("server", "everything")).toMatchObject([
      { level: "skipped", text: expect.stringMatching(/mcp\.invalid.*; another machine may reach it$/) },
    ])
  })

  it("serves metadata of something else", async () => {
    const path = "/.well-known/oauth-protected-resource/everything/mcp"
    for (const [document, says] of [
      [{ resource: `${EDGE}/mcp`, authorization_servers: [own().stack.origin] }, "clients do not use it"],
      [
        { resource: `${EDGE}/everything/mcp`, authorization_servers: ["https://other.example"] },
        "names another authorization server",
      ],
      [undefined, "no metadata there (HTTP 404)"],
    ] as const) {
      standing.push(
        await listen(
          createServer((request, response) => {
            const found = request.url === path ? document : undefined
            response.writeHead(found ? 200 : 404).end(JSON.stringify(found ?? {}))
          }),
          edge,
        ),
      )
      expect((await doctor()).of("metadata", "everything")).toMatchObject([
        { level: "problem", text: expect.stringContaining(says) },
      ])
      await standing.pop()?.close()
    }
  })

  it("that only observes, or has no key", async () => {
    await edit("gateways.yaml", (text) => text.replace("dialect: envoy", "dialect: envoy\n    mode: observe"))
    expect((await doctor()).of("gateway", "edge")).toMatchObject([
      { level: "warn", text: expect.stringContaining("only observes") },
    ])
    // As they are written, without the keys of the local stack.
    const examined = await subject()
    const written = { ...examined, isLocal: false, body: examined.compiled?.body ?? null }
    expect(await checkGatewayKeys(written)).toMatchObject(
      ["edge", "web", "forward"].map((about) => ({ about, level: "problem", text: expect.stringContaining("no key") })),
    )
  })
})

describe("an issuer", () => {
  async function judged(issuer: string, algorithms = "[ES256]"): Promise<Found | undefined> {
    await edit("issuers.yaml", (text) =>
      text.replace("issuer: http://127.0.0.1:8788\n", `issuer: ${issuer}\n`).replace("[ES256]", algorithms),
    )
    return (await doctor()).of("issuer", "local")[0]
  }

  it("with another name, or none, is not believed", async () => {
    const url = await serverOf({
      "/.well-known/openid-configuration": { issuer: "https://idp.example/", jwks_uri: "https://idp.example/keys" },
    })
    expect(await judged(url)).toMatchObject({
      level: "problem",
      text: expect.stringContaining("names the issuer https://idp.example/, not http"),
      fix: expect.stringContaining("https://idp.example/"),
    })
  })

  it("that is not there, is slow, or answers garbage", async () => {
    const silent = await serverThat(() => undefined)
    const began = Date.now()
    expect(await judged(silent)).toMatchObject({
      level: "problem",
      text: expect.stringMatching(/^no answer from .* in time$/),
    })
    expect(Date.now() - began).toBeLessThan(10_000)
  })

  it.each([
    ["garbage", null, "not http"],
    ["no keys", { keys: [] }, "it is empty"],
    ["no set", { key: 1 }, "no key set"],
    [
      "keys of other algorithms",
      { keys: [{ kty: "RSA", alg: "RS256", n: "x".repeat(342), e: "AQAB" }] },
      "RS256, and ES256 is expected",
    ],
    ["a private key", "private", "it is no public key"],
  ])("with %s", async (what, keys, says) => {
    const { privateKey } = await generateKeyPair("ES256", { extractable: true })
    const set = keys === "private" ? { keys: [{ ...(await exportJWK(privateKey)), alg: "ES256" }] } : keys
    let origin = ""
    origin = await serverThat((request, response) => {
      if (request.url === "/keys") return void response.end(JSON.stringify(set))
      const document = { issuer: origin, jwks_uri: `${origin}/keys` }
      return void response.end(what === "garbage" ? "\u001b[2J" : JSON.stringify(document))
    })
    const found = await judged(origin)
    expect(found).toMatchObject({ level: "problem", text: expect.stringContaining(says) })
  })

  it.each([
    'data:application/json,{"keys":[]}',
    "http://idp.example/keys",
    "https://10.0.0.1/keys",
    "https://idp.internal/keys",
    "keys",
  ])("whose keys are at %s, which the Worker does not fetch", async (uri) => {
    let origin = ""
    origin = await serverThat((_request, response) => {
      response.end(JSON.stringify({ issuer: origin, jwks_uri: uri }))
    })
    expect(await judged(origin)).toMatchObject({
      level: "problem",
      text: `${origin}/.well-known/openid-configuration: its \`jwks_uri\` ${uri} is no public https URL, which alone the Worker fetches`,
    })
  })

  it("whose clock is off is told of", async () => {
    let origin = ""
    origin = await serverThat((_request, response) => {
      const document = { issuer: origin, jwks_uri: `${origin}/keys`, keys: [] }
      response.writeHead(200, { date: new Date(Date.now() + 600_000).toUTCString() }).end(JSON.stringify(document))
    })
    await judged(origin).catch(() => undefined)
    expect((await doctor()).of("clock")).toMatchObject([
      { level: "problem", text: expect.stringMatching(/local is (?:9|10) minutes ahead of this machine/) },
    ])
  })
})

describe("the publisher's key", () => {
  beforeEach(async () => {
    const key = await readFile(own().stack.publisherKey, "utf8")
    await writeFile(join(directory, "publisher.jwk"), key, { mode: 0o600 })
  })

  const judged = async (file: string) => (await doctor({ key: join(directory, file) })).of("publisher")

  it("is found where keygen writes it, and has signed the live bundle", async () => {
    const { code, stdout } = await command(["--json"])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, found: expect.any(Array) })
    expect(stdout).toMatch(/bundle \d+ is signed by this key, \d+ (?:second|minute)s? ago/)
  })

  it("that others can read is a problem, and so is the command's exit", async () => {
    await chmod(join(directory, "publisher.jwk"), 0o644)
    const { code, stdout } = await command([])
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /\nproblem +publisher +others can read publisher\.jwk \(mode 644\)\n {2}fix: chmod 600 publisher\.jwk\n/,
    )
  })

  it("that the Worker does not know, or that is none", async () => {
    await run(directory, ["keygen", "--out", "other.jwk"])
    expect(await judged("other.jwk")).toMatchObject([
      { level: "problem", text: expect.stringContaining("(HTTP 401)"), fix: expect.stringContaining("PUBLISHER_KEYS") },
    ])
    await writeFile(join(directory, "no.jwk"), "{}", { mode: 0o600 })
    expect(await judged("no.jwk")).toMatchObject([{ level: "problem" }])
    expect(await judged("nowhere.jwk")).toMatchObject([{ level: "problem" }])
    expect((await doctor()).of("publisher")).toMatchObject([{ level: "skipped" }])
  })
})

describe("policies", () => {
  it("that do not check are named by their first errors, and the Worker is examined all the same", async () => {
    await edit("agents.yaml", (text) => text.replaceAll("owner:", "ownr:"))
    const { of } = await doctor()
    expect(of("policies").length).toBeLessThanOrEqual(3)
    expect(of("policies")[0]).toMatchObject({
      level: "problem",
      text: expect.stringMatching(/policies\/agents\.yaml:\d+ /),
    })
    expect(of("policies").at(-1)?.text).toMatch(/\d more: .*narrowgate.* check \S+policies$/)
    expect(of("worker")).toMatchObject([{ level: "ok" }])
    expect(of("gateway")).toMatchObject([{ level: "skipped", text: expect.stringMatching(/policies does not check$/) }])
  })

  it("without a test, and with one that fails", async () => {
    await edit("limits.cedar", (text) => text.replace('context.task.labels.contains("reads:confidential")', "false"))
    expect((await doctor()).of("tests")).toMatchObject([
      { level: "problem", text: expect.stringMatching(/^\d+ of \d+ tests fail$/) },
    ])
    const empty = join(directory, "bare")
    await cp(join(directory, "policies"), empty, { recursive: true, filter: (path) => !path.endsWith(".test.yaml") })
    expect((await doctor({ directory: empty })).of("tests")).toMatchObject([
      { level: "warn", fix: expect.stringContaining("access.test.yaml") },
    ])
  })

  it("that are not there are skipped, unless they were named", async () => {
    await mkdir(join(directory, "empty"))
    await rm(join(directory, "policies"), { recursive: true })
    expect((await doctor()).of("policies")).toMatchObject([{ level: "skipped" }])
    expect(
      (await doctor({ directory: join(directory, "nowhere"), isDirectoryNamed: true })).of("policies"),
    ).toMatchObject([{ level: "problem", fix: expect.stringContaining("init") }])
  })
})

describe("a Worker", () => {
  it("that is reached by another name than its own is a problem", async () => {
    const { of } = await doctor({ url: own().stack.origin.replace("127.0.0.1", "localhost") })
    expect(of("name")).toMatchObject([
      {
        level: "problem",
        text: expect.stringContaining("is reached at http://localhost:"),
        fix: expect.stringContaining("--url http://127.0.0.1"),
      },
    ])
  })

  it("that was named, and is not there, is a problem", async () => {
    const port = await freePort()
    const { of } = await doctor({ url: `http://127.0.0.1:${port}` })
    expect(of("worker")).toMatchObject([{ level: "problem", text: `nothing listens at 127.0.0.1:${port}` }])
  })

  it("whose port somebody else has, is told with who", async () => {
    const url = await serverThat((_request, response) => response.end("hello"))
    const { port } = new URL(url)
    const { of } = await doctor({ url })
    expect(of("port", port)).toMatchObject([
      {
        level: "problem",
        text: expect.stringContaining(`taken by node (process ${process.pid})`),
        fix: expect.stringContaining(`kill ${process.pid}`),
      },
    ])
  })
})

test("what cannot be run is said before anything is asked", async () => {
  for (const [args, says] of [
    [["--gateway", "edge"], "--gateway and --key-env"],
    [["--gateway", "edge", "--key-env", "NOT_SET"], "NOT_SET is empty"],
    [["--gateway", "edge", "--key-env", "-", "--token-env", "-"], "standard input has one of them"],
    [["--url", "authz"], "--url cannot be authz"],
  ] as const) {
    const { code, stderr } = await run(directory, ["doctor", ...args], {})
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)])
  }
})
