/** Servers that are slow, wrong or hostile: each is a sentence in time, and none of them steers a terminal. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it, test } from "vitest"
import { generatePublisherKey } from "../../../cli/compiler/sign.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { freePort } from "../../../dev/loopback.ts"
import { ask } from "../../../cli/doctor/ask.ts"
import { judgeClock } from "../../../cli/doctor/checks/clock.ts"
import { checkDestinations } from "../../../cli/doctor/checks/destinations.ts"
import { checkIssuers } from "../../../cli/doctor/checks/issuers.ts"
import { checkPorts } from "../../../cli/doctor/checks/ports.ts"
import { judgeTimes } from "../../../cli/doctor/checks/token.ts"
import { judgeAnswer } from "../../../cli/doctor/checks/gateways.ts"
import { checkWorker } from "../../../cli/doctor/checks/worker.ts"
import { examine } from "../../../cli/doctor/examine.ts"
import { ok } from "../../../cli/doctor/finding.ts"
import type { Check } from "../../../cli/doctor/table.ts"
import { renderExamined } from "../../../cli/doctor/render.ts"
import { subjectOf, type Given, type Subject } from "../../../cli/doctor/subject.ts"
import { Failure } from "../../../cli/terminal/failure.ts"
import { EMPTY_BODY, type BundleBody } from "../../../src/core/policy/bundle.ts"
import { ROOT } from "../bare-workerd.ts"
import { serverOf, serverThat } from "./servers.ts"

/** What a terminal would obey (cli/terminal/escape.ts); a line feed is ours. */
const STEERING = /[^\P{C}\n]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

let empty: string
beforeEach(async () => {
  empty = await mkdtemp(join(tmpdir(), "narrowgate-doctor-"))
})
afterEach(() => rm(empty, { recursive: true }))

/** A Worker and nothing else. */
function given(url: string): Given {
  const directory = join(empty, "policies")
  return { directory, isDirectoryNamed: false, url, isUrlNamed: true, idp: "http://127.0.0.1:1" }
}
const subjectAt = async (url: string): Promise<Subject> => subjectOf(given(url))

async function failureAt(url: string, within = 1_000): Promise<string> {
  const answer = await ask(new URL(url), {}, AbortSignal.timeout(within))
  return answer instanceof Failure ? answer.message : `HTTP ${answer.status}`
}

describe("an answer", () => {
  it("without an end is cut off", async () => {
    const url = await serverThat((_request, response) => {
      const more = (): void => void (response.destroyed || response.write("x".repeat(65_536), more))
      more()
    })
    expect(await failureAt(url)).toMatch(/has sent more than 1 MiB$/)
  })

  it("that trickles, or never comes, is given up in time", async () => {
    const url = await serverThat((request, response) => {
      if (request.url === "/never") return
      const timer = setInterval(() => response.write(" "), 50)
      response.once("close", () => clearInterval(timer))
    })
    for (const path of ["/never", "/trickle"]) {
      const began = Date.now()
      expect(await failureAt(`${url}${path}`, 300)).toMatch(/^no answer from 127\.0\.0\.1:\d+ in time$/)
      expect(Date.now() - began).toBeLessThan(2_000)
    }
  })

  it("of nobody, and of what speaks no HTTP, has a reason", async () => {
    const port = await freePort()
    expect(await failureAt(`http://127.0.0.1:${port}`)).toBe(`nothing listens at 127.0.0.1:${port}`)
    const url = await serverThat((_request, response) => void response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n"))
    expect(await failureAt(url)).toMatch(/127\.0\.0\.1:\d+/)
  })

  it("is not followed to another place", async () => {
    const other = await serverOf({ "/healthz": { status: "alive" } })
    const url = await serverThat((request, response) =>
      response.writeHead(302, { location: `${other}${request.url}` }).end(),
    )
    const found = await examine(await subjectAt(url))
    expect(found.find(({ check }) => check === "worker")).toMatchObject({
      level: "problem",
      text: expect.stringContaining(`redirects to ${other}/healthz`),
    })
  })
})

test("a Worker that answers garbage, escapes and other names is told of without them", async () => {
  const hostile = "https://evil.example/\u001b[2J\u009b31m\u202e"
  const url = await serverOf(
    {
      "/healthz": { status: "alive" },
      "/readyz": [hostile],
      "/openapi.json": { info: { version: hostile } },
      "/.well-known/oauth-authorization-server": { issuer: hostile },
    },
    { "x-narrowgate-code": "\u009b31m" },
  )
  const found = await examine(await subjectAt(url))
  const text = renderExamined(found, 1)
  expect(text).not.toMatch(STEERING)
  expect(text).toMatch(/problem +name +the Worker calls itself https:\/\/evil\.example\/\\u\{1b\}\[2J/)
  expect(text).toMatch(/\n {2}fix: Set ISSUER of the Worker to http:\/\/127\.0\.0\.1:\d+/)
  expect(found.find(({ check }) => check === "bundle")).toMatchObject({ level: "problem" })
  expect(found.find(({ check }) => check === "version")).toMatchObject({ level: "warn" })
})

describe("destinations are judged by what the Worker reports", () => {
  const sink = { id: "collector", kind: "ocsf", url: "http://127.0.0.1:4318" } as const
  const batch = { records: 500, bytes: 1_000_000 }
  const withSink = (subject: Subject): Subject => ({
    ...subject,
    body: {
      ...EMPTY_BODY,
      sinks: [{ ...sink, headers: {}, logs: ["records"], kinds: ["call"], batch, denies: [] }],
    },
  })
  test.each([
    ["nothing", "problem"],
    ["sinks", "ok"],
    ["everything", "ok"],
    // Of a Worker that does not say it, its address decides: on this machine it is the local stack.
    [undefined, "ok"],
  ])("of its own machine %s: a sink there is %s", async (loopback, level) => {
    const url = await serverOf({ "/healthz": { status: "alive", loopback } })
    const subject = withSink(await subjectAt(url))
    expect(await examine(subject, new Map([["destination", checkDestinations]]))).toMatchObject([{ level }])
  })

  it("a local stack or a trial that other machines reach is a problem", async () => {
    const subject = await subjectAt(await serverOf({ "/healthz": { status: "alive", loopback: "everything" } }))
    const only = new Map([["worker", checkWorker]])
    const { get } = subject
    const elsewhere = new URL("https://authz.example")
    const through: Subject["get"] = async (url) => get(new URL(new URL(url).pathname, subject.url))
    expect(await examine(subject, only)).toMatchObject([{ level: "ok", text: expect.stringContaining("a trial") }])
    expect(await examine({ ...subject, url: elsewhere.origin, get: through }, only)).toMatchObject([
      { level: "problem", text: expect.stringContaining("sign in as anybody") },
    ])
  })

  it("without a Worker that answers, no destination is judged", async () => {
    const subject = withSink(await subjectAt(`http://127.0.0.1:${await freePort()}`))
    const only = new Map([["destination", checkDestinations]])
    expect(await examine(subject, only)).toMatchObject([{ level: "skipped" }])
  })

  it("an issuer on this machine is not taken for one that the Worker may request", async () => {
    const issuer = await serverOf({ "/k": { keys: [] } })
    const body: BundleBody = {
      ...EMPTY_BODY,
      issuers: [{ id: "corp", issuer, keys: { kind: "jwks_uri", uri: `${issuer}/k` }, algorithms: ["ES256"] }],
    }
    const only = new Map([["issuer", checkIssuers]])
    for (const [loopback, level] of [
      ["sinks", "skipped"],
      ["everything", "problem"],
    ]) {
      const subject = await subjectAt(await serverOf({ "/healthz": { status: "alive", loopback } }))
      expect(await examine({ ...subject, body }, only)).toMatchObject([{ level }])
    }
  })

  it("the port of a served Worker on this machine is its own", async () => {
    const url = await serverOf({ "/healthz": { status: "alive", loopback: "nothing" } })
    const found = await examine(await subjectAt(url), new Map([["port", checkPorts]]))
    expect(found).toMatchObject([
      { about: new URL(url).port, level: "ok", text: expect.stringContaining("the Worker's") },
    ])
  })

  it("an issuer that only this machine does not reach is a warning", async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`
    const body: BundleBody = {
      ...EMPTY_BODY,
      issuers: [{ id: "corp", issuer, keys: { kind: "jwks_uri", uri: `${issuer}/k` }, algorithms: ["ES256"] }],
    }
    const subject = { ...(await subjectAt(await serverOf({}))), body }
    const get = async (): Promise<Failure> => new Failure("no answer from id.example in time", "Look there.")
    const only = new Map([["issuer", checkIssuers]])
    expect(await examine({ ...subject, get, url: "https://authz.example" }, only)).toMatchObject([{ level: "warn" }])
    expect(await examine({ ...subject, get }, only)).toMatchObject([{ level: "problem" }])
  })
})

test("a version of a Worker that is none is not written into a command to be run", async () => {
  for (const version of ["1.0.0; touch /tmp/x", "$(id)", "1.0.0-rc.1 ", ""]) {
    const url = await serverOf({ "/healthz": { status: "alive" }, "/openapi.json": { info: { version } } })
    const found = (await examine(await subjectAt(url))).find(({ check }) => check === "version")
    expect(found).toMatchObject({ level: "warn", fix: "Deploy it anew." })
  }
})

test("a Worker that nobody named need not be there; one that was named has to", async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const subject = await subjectAt(url)
  const only = new Map<string, Check>([["worker", checkWorker]])
  expect(await examine({ ...subject, isUrlNamed: false }, only)).toMatchObject([{ level: "skipped" }])
  expect(await examine(subject, only)).toMatchObject([{ level: "problem" }])
})

test("a Worker without an owner is to be claimed first, and nothing else is said of it", async () => {
  const key = join(empty, "publisher.jwk")
  await writeFile(key, JSON.stringify((await generatePublisherKey()).privateJwk), { mode: 0o600 })
  const url = await serverThat((request, response) => {
    const isAlive = request.url === "/healthz"
    response.writeHead(isAlive ? 200 : 503, { "x-narrowgate-code": "unavailable" })
    response.end(JSON.stringify(isAlive ? { status: "alive" } : { error: "unclaimed", error_description: "" }))
  })
  const gateway = { id: "edge", key: developmentKey("edge") }
  const subject = await subjectOf({ ...given(url), directory: join(ROOT, "policies"), key, gateway })
  const found = await examine(subject)
  const of = (name: string) => found.filter(({ check, about = "" }) => check === name && ["", "edge"].includes(about))
  expect(of("worker")).toMatchObject([
    { level: "problem", fix: expect.stringContaining(`narrowgate claim --url ${url}`) },
  ])
  for (const name of ["name", "version", "bundle", "publisher", "key"])
    expect(of(name), name).toMatchObject([{ level: "skipped", text: "nobody has claimed the Worker yet" }])
})

test("a server that is no Worker is not asked further", async () => {
  const asked: string[] = []
  const url = await serverThat((request, response) => {
    asked.push(request.url ?? "")
    response.end("<html>welcome</html>")
  })
  const found = await examine(await subjectAt(url))
  expect(found.find(({ check }) => check === "worker")).toMatchObject({
    level: "problem",
    text: expect.stringContaining("is no Narrowgate Worker (HTTP 200)"),
  })
  expect(asked).toEqual(["/healthz"])
})

test("a check that never ends, and one that fails, cost the others nothing", async () => {
  const began = Date.now()
  const subject = await subjectAt("http://127.0.0.1:9")
  const found = await examine(
    subject,
    new Map<string, Check>([
      ["stuck", async () => sleep(60_000, [], { ref: false })],
      ["broken", () => Promise.reject(new Error("a defect, by a test"))],
      ["sound", () => [ok("fine")]],
    ]),
  )
  expect(Date.now() - began).toBeLessThan(6_000)
  expect(found).toMatchObject([
    { check: "stuck", level: "problem", text: "it is not done in time" },
    { check: "broken", level: "problem", text: "it fails: Error: a defect, by a test" },
    { check: "sound", level: "ok" },
  ])
})

test.each([
  ["authzen", "ok"],
  ["envoy", "warn"],
] as const)("a 401 that another authenticator may have given, behind a gateway of dialect %s: %s", (dialect, level) => {
  const headers = new Headers({ "WWW-Authenticate": "Bearer" })
  const answer = { url: new URL("https://api.example/crm"), status: 401, headers, json: null, ahead: null }
  expect(judgeAnswer(answer, { id: "edge", dialect }, []).level).toBe(level)
})

describe("the clock", () => {
  async function aheadOf(seconds: number, age = 0): Promise<number | null> {
    const date = new Date(Date.now() + seconds * 1000).toUTCString()
    const url = await serverOf({ "/": {} }, { date, ...(age > 0 && { age: String(age) }) })
    const answer = await ask(new URL(url), {}, AbortSignal.timeout(2_000))
    return answer instanceof Failure ? null : answer.ahead
  }

  it.each([0, 300, -300])("of a server that is %d seconds ahead is measured", async (seconds) => {
    expect(await aheadOf(seconds)).toSatisfy((ahead: number) => Math.abs(ahead - seconds) < 3)
  })

  it("of an answer from a cache is as old as the answer", async () => {
    expect(await aheadOf(-600, 600)).toSatisfy((ahead: number) => Math.abs(ahead) < 3)
  })

  it("that is off by more than tokens allow is a problem, and whose it is, is told", () => {
    const [worker, local] = ["the Worker", "local"]
    expect(judgeClock([])).toMatchObject({ level: "skipped" })
    expect(judgeClock([{ name: worker, ahead: 29 }])).toMatchObject({ level: "ok" })
    const one = judgeClock([
      { name: worker, ahead: 1 },
      { name: local, ahead: -90 },
    ])
    expect(one).toMatchObject({ level: "problem", text: expect.stringContaining("local is 1 minute behind") })
    expect(judgeClock([{ name: worker, ahead: 400 }]).fix).toContain("set the wrong one")
    const all = judgeClock([
      { name: worker, ahead: 400 },
      { name: local, ahead: 401 },
    ])
    expect(all.fix).toContain("Set this machine's clock")
  })
})

test.each([
  [{ exp: 1_060 }, "ok", "another 1 minute"],
  [{ exp: 1_000 }, "problem", "expired 0 seconds ago"],
  [{ exp: 700 }, "problem", "expired 5 minutes ago"],
  [{}, "problem", "never expires"],
  [{ exp: 2_000, iat: 1_029 }, "ok", "another 16 minutes"],
  [{ exp: 2_000, iat: 1_120 }, "problem", "valid in 2 minutes only"],
  [{ exp: 2_000, nbf: 1_120 }, "problem", "valid in 2 minutes only"],
])("a token with %j at 1000", (claims, level, text) => {
  expect(judgeTimes(claims, 1_000)).toMatchObject({ level, text: expect.stringContaining(text) })
})

test("of a server that asks itself and passes a call, the fix is no configuration of a gateway", () => {
  const url = new URL("https://mcp.example/orders/0")
  const answered = { url, status: 200, headers: new Headers(), json: {}, ahead: null }
  const found = judgeAnswer(answered, { id: "direct", dialect: "authzen" }, [])
  expect(found).toMatchObject({ level: "problem", fix: expect.stringContaining("docs/guides/services.md") })
  expect(found.fix).not.toContain("gateway config")
})
