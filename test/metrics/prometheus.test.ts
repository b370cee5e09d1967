/**
 * A real Prometheus scrapes `narrowgate serve` of the built package, by the configuration of docs/guides/observability.md
 * and with the rules of docs/operate. It is below the directory that PROMETHEUS names, as install.sh leaves it, or on the
 * PATH.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { accessSync, constants } from "node:fs"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { delimiter, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parseDocument, stringify } from "yaml"
import { z } from "zod"
import { ORIGIN } from "../../bench/servers/identities.ts"
import { SCOPE } from "../long/stack.ts"
import { ROOT } from "../node/bare-workerd.ts"
import { deploy, type Deployment } from "../serve/served.ts"

const run = promisify(execFile)

function find(program: string): string | null {
  const own = process.env["PROMETHEUS"] ?? ""
  const places = [...(own === "" ? [] : [join(own, "root/usr/bin")]), ...(process.env["PATH"] ?? "").split(delimiter)]
  return places.map((place) => join(place, program)).find(isExecutable) ?? null
}
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const [prometheus, promtool] = [find("prometheus"), find("promtool")]
const isHere = prometheus !== null && promtool !== null
const title = isHere ? "Prometheus" : "Prometheus: skipped, PROMETHEUS names no directory of test/metrics/install.sh"
test.runIf(process.env["PROMETHEUS_REQUIRED"] === "yes")("Prometheus is here", () => expect(isHere).toBe(true))

const KEY = randomBytes(24).toString("base64url")
const SCRAPE_KEYS_SHA256 = createHash("sha256").update(KEY).digest("hex")

let there: Deployment
let server: ChildProcess
let port: number
let token: string

/** The block of the page, for this deployment, and as often as a test wants it. */
async function configuration(): Promise<string> {
  const page = await readFile(join(ROOT, "docs/guides/observability.md"), "utf8")
  const block = /```yaml\n(# prometheus.yml\n[^]*?)```/.exec(page)?.[1] ?? ""
  const document = parseDocument(block)
  document.setIn(["global"], { scrape_interval: "1s", evaluation_interval: "1s" })
  document.setIn(["rule_files"], [join(ROOT, "docs/operate/alerts.yaml")])
  document.setIn(["scrape_configs", 0, "scheme"], "http")
  document.setIn(["scrape_configs", 0, "scrape_interval"], "1s")
  document.setIn(["scrape_configs", 0, "scrape_timeout"], "1s")
  document.setIn(["scrape_configs", 0, "authorization", "credentials_file"], join(there.place, "scrape-key"))
  document.setIn(["scrape_configs", 0, "static_configs", 0, "targets"], [`127.0.0.1:${there.serving.port}`])
  return stringify(document.toJS())
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const address = probe.address()
  probe.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

async function startPrometheus(): Promise<void> {
  const file = join(there.place, "prometheus.yml")
  await writeFile(join(there.place, "scrape-key"), KEY, { mode: 0o600 })
  await writeFile(file, await configuration())
  await run(promtool ?? "", ["check", "config", file])
  await mkdir(join(there.place, "prometheus"), { recursive: true })
  port = await freePort()
  server = spawn(
    prometheus ?? "",
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(there.place, "prometheus")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: "ignore" },
  )
}

const vector = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
})
const rulesAnswer = z.object({
  data: z.object({
    groups: z.array(
      z.object({ rules: z.array(z.object({ name: z.string(), health: z.string(), state: z.string() })) }),
    ),
  }),
})

async function getJson(path: string): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()
}
async function query(expr: string): Promise<number | null> {
  const { data } = vector.parse(await getJson(`query?query=${encodeURIComponent(expr)}`))
  const [first] = data.result
  return first ? Number(first.value[1]) : null
}

const WITHIN_MS = 30_000
/** Waits until a query has this value. */
async function becomes(expr: string, value: number): Promise<void> {
  let last: unknown
  for (const until = Date.now() + WITHIN_MS; Date.now() < until; await sleep(250)) {
    last = await query(expr).catch(String)
    if (last === value) return
  }
  expect({ [expr]: last }).toEqual({ [expr]: value })
}

async function call(path: string): Promise<number> {
  const headers = {
    authorization: `Bearer ${token}`,
    "x-narrowgate-key": there.narrowgate.gatewayKey,
    "x-forwarded-method": "GET",
    "x-forwarded-uri": path,
    "x-forwarded-host": new URL(ORIGIN).host,
  }
  return (await fetch(there.url("/authz/forward"), { headers })).status
}

beforeAll(async () => {
  if (!isHere) return
  there = await deploy({ env: { SCRAPE_KEYS_SHA256 } })
  await there.start()
  await there.publish()
  token = (await there.narrowgate.openTask("alice", SCOPE)).token
  await startPrometheus()
})
afterAll(async () => {
  if (!isHere) return
  server.kill()
  await there.remove()
})

describe.skipIf(!isHere)(title, () => {
  test("accepts the rules, and each fires as its test says", async () => {
    await run(promtool ?? "", ["check", "rules", join(ROOT, "docs/operate/alerts.yaml")])
    await run(promtool ?? "", ["test", "rules", join(ROOT, "test/metrics/alerts.test.yaml")])
  })

  test("scrapes with the key, in OpenMetrics, and finds nothing to object to in the text", async () => {
    await becomes('up{job="narrowgate"}', 1)
    const response = await fetch(there.url("/metrics"), { headers: { authorization: `Bearer ${KEY}` } })
    const check = execFile(promtool ?? "", ["check", "metrics"])
    check.stdin?.end(await response.text())
    let output = ""
    check.stderr?.on("data", (chunk: Buffer | string) => (output += chunk.toString()))
    check.stdout?.on("data", (chunk: Buffer | string) => (output += chunk.toString()))
    const [code] = await once(check, "close")
    expect({ code, output }).toEqual({ code: 0, output: "" })
  })

  test("counts calls, also those before the process was killed: no counter falls", async () => {
    for (let index = 0; index < 5; index++) expect(await call("/crm/tickets/T-1")).toBe(200)
    for (let index = 0; index < 3; index++) expect(await call(`/made-up-${index}`)).toBe(403)
    const [allowed, unknown] = [
      'sum(narrowgate_decisions_total{kind="call",decision="allow"})',
      'sum(narrowgate_decisions_total{kind="call",code="unknown_tool",tool="unknown"})',
    ]
    await becomes(allowed, 5)
    await becomes(unknown, 3)
    await becomes("count(narrowgate_signing_key_age_seconds < 3600)", 2)
    await becomes("narrowgate_lease_available", 1)
    await there.serving.end("SIGKILL")
    await becomes('up{job="narrowgate"}', 0)
    await restartOnSamePort()
    await becomes('up{job="narrowgate"}', 1)
    expect(await call("/crm/tickets/T-1")).toBe(200)
    await becomes(allowed, 6)
    expect(await query("sum(resets(narrowgate_decisions_total[5m]))")).toBe(0)
    expect(await query("sum(resets(narrowgate_decision_duration_seconds_count[5m]))")).toBe(0)
  })

  test("evaluates every rule against what it has scraped", async () => {
    const { data } = rulesAnswer.parse(await getJson("rules"))
    const rules = data.groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(15)
    expect(rules.filter(({ health }) => health !== "ok")).toEqual([])
    // Nothing is wrong with this deployment but that it was killed.
    const firing = rules.filter(({ state }) => state === "firing").map(({ name }) => name)
    expect(firing).toEqual([])
  })
})

/** Prometheus has the address of its configuration. */
async function restartOnSamePort(): Promise<void> {
  const { port: before } = there.serving
  const file = join(there.place, "narrowgate.yaml")
  const members: unknown = JSON.parse(await readFile(file, "utf8"))
  await writeFile(file, JSON.stringify({ ...Object(members), listen: `127.0.0.1:${before}` }))
  await there.start()
  expect(there.serving.port).toBe(before)
}
