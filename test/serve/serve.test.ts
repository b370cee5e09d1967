/** `narrowgate serve` as operators run it: what it refuses, how it ends and goes on, what its log says, whom it believes. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { globSync, readdirSync, statSync } from "node:fs"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ISSUER } from "../../bench/servers/identities.ts"
import { signClaim } from "../../cli/compiler/sign.ts"
import { SCOPE } from "../long/stack.ts"
import { withRegistration } from "./registration.ts"
import { deploy, readTicket, type Deployment, type Serving } from "./served.ts"

let there: Deployment
beforeAll(async () => {
  there = await deploy({ change: withRegistration, env: { PROBE_SECRET_OF_A: "s3cret-of-a-probe" } })
  await there.start()
  await there.publish()
})
afterAll(async () => there.remove())

async function recordOf(deployment: Deployment, decision: string): Promise<number> {
  const headers = { authorization: await deployment.staff.operator() }
  return (await fetch(deployment.url(`/v1/decisions/${decision}`), { headers })).status
}

describe("one directory", () => {
  test("is used by one process: a second says so", async () => {
    const { code, stderr } = await there.run()
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: another process uses \S+data\n {2}fix: Stop it, or name another directory\./)
    expect((await fetch(there.url("/healthz"))).status).toBe(200)
  })

  test("can be read by its owner alone", () => {
    for (const path of ["data", "data/narrowgate.json", "data/socket"])
      expect(statSync(join(there.place, path)).mode & 0o077, path).toBe(0)
  })

  test("of a newer version is refused, and as it was", async () => {
    const other = await deploy()
    const file = join(other.place, "data/narrowgate.json")
    await other.start()
    await other.serving.end()
    const state = JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), version: "99.0.0" })
    await writeFile(file, state)
    const { code, stderr } = await other.run()
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error: \S+data was written by narrowgate 99\.0\.0, which is newer than this one, \S+\n {2}fix: /,
    )
    expect(await readFile(file, "utf8")).toBe(state)
    await other.remove()
  })

  test("with a restore that was not finished is refused", async () => {
    const other = await deploy({ directory: "." })
    await writeFile(join(other.place, "objects.unfinished"), "")
    const { code, stderr } = await other.run()
    expect([code, stderr]).toEqual([1, expect.stringMatching(/a restore into \S+ was not finished/)])
    await other.remove()
  })
})

test("a configuration that is wrong is refused with every mistake, by member and variable", async () => {
  const other = await deploy({
    members: { issuer: "http://authz.example/", listen: "8787", trusted_proxies: ["nginx"], colour: "red" },
  })
  const { code, stderr } = await other.run()
  expect(code).toBe(2)
  expect(stderr).toMatch(/issuer \(ISSUER\): must be an https URL/)
  expect(stderr).toMatch(/listen \(NARROWGATE_LISTEN\): must be ADDRESS:PORT/)
  expect(stderr).toMatch(/trusted_proxies\.0 \(NARROWGATE_TRUSTED_PROXIES\): must be an IP address/)
  expect(stderr).toMatch(/Unrecognized key: "colour"/)
  await other.remove()
})

test("an address that is taken is named as the cause", async () => {
  const other = await deploy({ members: { listen: `127.0.0.1:${there.serving.port}` } })
  const { code, stderr } = await other.run()
  expect([code, stderr]).toEqual([1, expect.stringMatching(/in use[^]*fix: Another process listens there/)])
  await other.remove()
})

test("each line on standard output is a JSON object with a time and an event; no secret is in it, nor in any file", async () => {
  const { serving } = there
  expect(serving.others).toEqual([])
  expect(serving.stderr).toBe("")
  for (const line of serving.lines)
    expect(line).toEqual(expect.objectContaining({ at: expect.any(String), event: expect.any(String) }))
  expect(JSON.stringify(serving.lines)).not.toContain("s3cret")
  for (const file of globSync("**/*", { cwd: there.place, withFileTypes: true }).filter((each) => each.isFile())) {
    // SQLite's own files go when an object is put to sleep.
    const bytes = await readFile(join(file.parentPath, file.name)).catch(() => Buffer.alloc(0))
    expect(bytes.includes("s3cret"), file.name).toBe(false)
  }
})

describe("who sent a request", () => {
  const register = async (headers: Record<string, string>, path = "/oauth/register"): Promise<string> => {
    const before = there.serving.lines.filter(({ event }) => event === "client_registered").length
    const body = JSON.stringify({ redirect_uris: ["http://127.0.0.1/callback"], client_name: "a client" })
    const response = await fetch(there.url(path), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    })
    expect(response.status, await response.text()).toBe(201)
    return String((await there.serving.said("client_registered", before + 1))["network"])
  }

  test.each([
    ["the connection", {}, "127.0.0.0/24"],
    ["never a header of Cloudflare's", { "cf-connecting-ip": "203.0.113.7" }, "127.0.0.0/24"],
    ["behind a trusted proxy its last hop", { "x-forwarded-for": "203.0.113.7, 198.51.100.9" }, "198.51.100.0/24"],
    [
      "and its path may be written otherwise",
      { "x-forwarded-for": "198.51.100.9", path: "/oauth/%72egister" },
      "198.51.100.0/24",
    ],
  ])("%s", async (_what, { path, ...headers }: Record<string, string>, network) => {
    expect(await register(headers, path)).toBe(network)
  })
})

/** The status line of an answer to a request that is written as it is. */
async function statusOf(target: string, host: string, method = "GET"): Promise<string> {
  const socket = connect(there.serving.port, "127.0.0.1")
  socket.write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const [status = ""] = (await text(socket)).split("\r\n")
  return status
}

describe("what a gateway or a proxy passes on as Host", () => {
  // In a URL a backslash is a slash: the path would be another, and with it who is asked for an address.
  test.each([
    "x/healthz?",
    "x/healthz#",
    "a\\v1\\x",
    "user@x",
    "a b",
    "a:b:c",
    "[x",
    "[::::]",
    "a:99999",
    "1.2.3.999",
    "%",
    "",
  ])("is no %j: 400, whatever the path", async (host) => {
    expect(await statusOf("/authz/forward/no-key-at-all", host)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await statusOf("/oauth/register", host, "POST")).toMatch(/^HTTP\/1\.1 400 /)
  })

  test.each([
    ["http://x/healthz", 200],
    ["http://x\\v1\\x/healthz", 400],
  ])("counts rather than that of a whole URL which stands for the path: %s", async (target, status) => {
    expect(await statusOf(target, "authz.example")).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  test.each(["authz.example", "AUTHZ.example:8787", "a_service-1", "127.0.0.1:80", "[::1]", "[::1]:8787"])(
    "may be %s",
    async (host) => expect(await statusOf("/healthz", host)).toMatch(/^HTTP\/1\.1 200 /),
  )
})

describe("it ends", () => {
  let other: Deployment
  beforeAll(async () => {
    other = await deploy()
    await other.start()
    await other.publish()
  })
  afterAll(async () => other.remove())

  test("once requests in progress are answered, and nobody else is let in", async () => {
    const { serving, narrowgate } = other
    const task = await narrowgate.openTask("alice", SCOPE)
    const before = await readTicket(other, task.token)
    expect(before.status).toBe(200)
    const read = await readTicket(other, task.token)
    // It is in force everywhere two seconds later.
    const revocation = fetch(other.url("/v1/revocations"), {
      method: "POST",
      headers: { authorization: await other.staff.operator(), "content-type": "application/json" },
      body: JSON.stringify({ tool: "crm.tickets.list" }),
    })
    await sleep(300)
    const began = Date.now()
    const ended = serving.end()
    await serving.said("stopping")
    await sleep(200)
    await expect(fetch(other.url("/healthz"))).rejects.toThrow("fetch failed")
    expect((await revocation).status).toBe(200)
    expect(await ended).toMatchObject({ code: 0, stderr: "" })
    expect(Date.now() - began).toBeGreaterThan(1_000)
    expect(serving.lines.at(-1)?.event).toBe("stopped")
    // What was answered is kept: the task lives, and the read has its record.
    await other.start()
    expect((await readTicket(other, task.token)).status).toBe(200)
    expect(await recordOf(other, read.decision)).toBe(200)
  })

  test("workerd with it, when it is killed, and the next process goes on", async () => {
    const { serving } = other
    const { pid } = serving
    await serving.end("SIGKILL")
    await expect.poll(() => isAlive(pid), { timeout: 2_000, interval: 10 }).toBe(false)
    await other.start()
    expect((await fetch(other.url("/readyz"))).status).toBe(200)
  })

  test("if workerd ends again and again, with an exit code", async () => {
    const { serving } = other
    for (let end = 1; serving.child.exitCode === null && end < 20; end++) {
      process.kill(serving.pid, "SIGKILL")
      await Promise.race([serving.said("serving", end + 1), serving.ended()]).catch(() => undefined)
    }
    const { code, stderr } = await serving.ended()
    expect([code, stderr]).toEqual([1, expect.stringMatching(/workerd ended 6 times within a minute/)])
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe("without a publisher", () => {
  let other: Deployment
  beforeAll(async () => {
    other = await deploy({ isUnclaimed: true })
  })
  afterAll(async () => other.remove())

  const claim = async (secret: unknown): Promise<number> => {
    const body = JSON.stringify(await signClaim(other.publisherKey, ISSUER, String(secret)))
    const headers = { "content-type": "application/json" }
    return (await fetch(other.url("/v1/claim"), { method: "POST", headers, body })).status
  }

  test("its backup is restored like any other, and the next start prints a claim", async () => {
    const backup = join(other.place, "unclaimed")
    await (await other.start()).said("unclaimed")
    expect(await other.run("backup", backup)).toMatchObject({ code: 0 })
    await other.serving.end()
    expect(await other.runIn("restored", "restore", backup)).toMatchObject({ code: 0 })
    other.moveTo("restored")
    const { claim: secret } = await (await other.start()).said("unclaimed")
    expect(await claim(secret)).toBe(200)
    await other.serving.end()
    other.moveTo("data")
  })

  test("each start prints another claim, until one is used", async () => {
    const first = await (await other.start()).said("unclaimed")
    await other.serving.end()
    const second = await (await other.start()).said("unclaimed")
    expect(second).toMatchObject({
      claim: expect.stringMatching(/^[0-9a-f]{64}$/),
      command: expect.stringMatching(/ claim /),
    })
    expect(await claim(first["claim"])).toBe(403)
    expect(await claim(second["claim"])).toBe(200)
    await expect
      .poll(async () => other.publish().then(() => "published", String), { timeout: 15_000 })
      .toBe("published")
    await other.serving.end()
    const third = await other.start()
    await sleep(500)
    expect(third.lines.map(({ event }) => event)).not.toContain("unclaimed")
  })
})

test("a claim that the operator has set is not in the log", async () => {
  const secret = "0b5c3b6e6d1f4f7a9a1e7c58d0f4b2a6"
  const other = await deploy({ isUnclaimed: true, env: { CLAIM: secret } })
  const serving = await other.start()
  expect(await serving.said("unclaimed")).toMatchObject({ claim: null })
  expect(JSON.stringify(serving.lines)).not.toContain(secret)
  await other.remove()
})

describe("what needs a schedule", () => {
  let other: Deployment
  beforeAll(async () => {
    other = await deploy()
  })
  afterAll(async () => other.remove())

  const ran = async (serving: Serving): Promise<number> =>
    Date.parse((await serving.said("probe_failed", 1, 15_000)).at)

  test("runs by an alarm that outlives the process, and sets the next one", async () => {
    const first = await other.start()
    const began = Date.parse(first.serving.at)
    await sleep(1_000)
    await first.end("SIGKILL")
    await sleep(began + 11_000 - Date.now())
    // It was due while nothing ran.
    const second = await other.start()
    expect((await ran(second)) - Date.parse(second.serving.at)).toBeLessThan(5_000)
    await second.end()
    const next = nextAlarm(join(other.place, "data/objects/Schedule"))
    const wrangler = await readFile(join(import.meta.dirname, "../../wrangler.toml"), "utf8")
    const [, minutes] = /^crons = \["\*\/(\d+) \* \* \* \*"\]$/m.exec(wrangler) ?? []
    expect(Math.abs(next - Date.now() - Number(minutes) * 60_000)).toBeLessThan(20_000)
  })
})

/** Milliseconds since the epoch, as workerd has stored it: in nanoseconds. */
function nextAlarm(directory: string): number {
  expect(readdirSync(directory)).toContain("metadata.sqlite")
  using database = new DatabaseSync(join(directory, "metadata.sqlite"), { readOnly: true })
  const { at } = database.prepare("SELECT scheduled_time / 1000000 AS at FROM _cf_ALARM").get() ?? {}
  return Number(at)
}
