/** Real sinks, by what others have written: OpenTelemetry's collector, a server with the API of S3, OCSF's own schema. */
import { execFileSync } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { startProcess, type ServerProcess } from "../../bench/servers/process.ts"
import { OCSF } from "../../src/export/formats/ocsf.ts"
import { RECORD_KINDS } from "../../src/core/policy/definition/sinks.ts"
import { BUILD_WITHIN_MS } from "../node/bare-workerd.ts"
import { batchWith, CONTEXT, WHOLE } from "../node/export/whole-record.ts"
import { COMMON, exporting, OTLP, portOf, recordsFrom } from "./exporting.ts"
import { INSTALLED } from "./installed.ts"

const LOG = "records-0"
const AT = Date.UTC(2026, 10, 29, 12)
let directory: string
const servers: ServerProcess[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-sinks-"))
})
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  const port = await portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function untilListening(port: number, server: ServerProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (answered) return
    await sleep(100)
  }
  throw new Error(`it did not start:\n${server.complaints()}`)
}

describe.skipIf(!INSTALLED)("real sinks", { timeout: BUILD_WITHIN_MS + 60_000 }, () => {
  const programs = INSTALLED ?? { collector: "", s3: "", python: "" }

  test("OpenTelemetry's collector has every record, each once, with its place in the log", async () => {
    const port = await freePort()
    const written = join(directory, "logs.json")
    const config = join(directory, "collector.yaml")
    await writeFile(
      config,
      `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { file: { path: ${JSON.stringify(written)}, flush_interval: 100ms } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], exporters: [file] } }
`,
    )
    const collector = startProcess({ command: programs.collector, args: ["--config", config], directory })
    servers.push(collector)
    await untilListening(port, collector)
    const sink = { ...COMMON, ...OTLP, id: "collector", url: `http://127.0.0.1:${port}` } as const
    await using narrowgate = await exporting([sink], [LOG])
    const records = [...recordsFrom(AT, 1_234), { id: WHOLE.id, body: JSON.stringify(WHOLE) }]
    for (let from = 0; from < records.length; from += 500) await narrowgate.append(LOG, records.slice(from, from + 500))
    await narrowgate.wake(sink.id, LOG)
    await vi.waitFor(async () => expect((await narrowgate.state(sink.id, LOG)).next).toBe(records.length), {
      timeout: 20_000,
      interval: 100,
    })
    await sleep(500)
    const requests = (await readFile(written, "utf8")).trimEnd().split("\n")
    const logged = requests.flatMap((line) =>
      Object(JSON.parse(line)).resourceLogs.flatMap(
        (each: { scopeLogs: readonly { logRecords: readonly object[] }[] }) =>
          each.scopeLogs.flatMap((scope) => scope.logRecords),
      ),
    )
    const valueOf = (record: object, key: string): string =>
      String(Object.values(Object(record).attributes.find((each: { key: string }) => each.key === key)?.value ?? {})[0])
    const decisions = logged.filter((record: object) => Object(record).eventName === "narrowgate.decision")
    expect(decisions.map((record: object) => valueOf(record, "narrowgate.id"))).toEqual(records.map(({ id }) => id))
    expect(decisions.map((record: object) => valueOf(record, "narrowgate.index"))).toEqual(
      records.map((_, at) => String(at)),
    )
    const whole = decisions.at(-1) ?? {}
    expect(Object(whole)).toMatchObject({ severityText: "WARN", timeUnixNano: `${WHOLE.at}000000` })
    expect(valueOf(whole, "gen_ai.tool.name")).toBe(WHOLE.tool)
  })

  test("a server with the API of S3 accepts the signatures and has every record", async () => {
    const port = await freePort()
    const secrets = { id: "AKIANARROWGATE", key: "the-key-of-this-test", "wrong-key": "another-key-of-it" }
    const store = join(directory, "s3")
    await mkdir(join(store, "records"), { recursive: true })
    const server = startProcess({
      command: programs.s3,
      args: ["--port", `127.0.0.1:${port}`, "--region", "eu-test-1", "posix", store],
      environment: { ROOT_ACCESS_KEY_ID: secrets.id, ROOT_SECRET_ACCESS_KEY: secrets.key },
      directory,
    })
    servers.push(server)
    await untilListening(port, server)
    const common = { ...COMMON, kind: "s3", format: "records", region: "eu-test-1", accessKey: "id" } as const
    const url = `http://127.0.0.1:${port}/records/narrowgate`
    const [good, wrong] = [
      { ...common, id: "archive", url, secretKey: "key" },
      { ...common, id: "wrong", url, secretKey: "wrong-key" },
    ] as const
    await using narrowgate = await exporting([good, wrong], [LOG], secrets)
    const records = recordsFrom(AT, 1_200)
    for (let from = 0; from < records.length; from += 400) await narrowgate.append(LOG, records.slice(from, from + 400))
    for (const { id } of [good, wrong]) await narrowgate.wake(id, LOG)
    await vi.waitFor(async () => expect((await narrowgate.state("archive", LOG)).next).toBe(1_200), {
      timeout: 20_000,
      interval: 100,
    })
    await vi.waitFor(async () => {
      const { last_failure, next } = await narrowgate.state("wrong", LOG)
      expect({ says: last_failure?.says, next }).toEqual({ says: "The sink refused the request. (HTTP 403)", next: 0 })
    })
    const folder = join(store, "records/narrowgate", `log=${LOG}`, "date=2026-11-29")
    const names = (await readdir(folder)).filter((name) => name.endsWith(".ndjson.gz")).toSorted()
    expect(names[0]).toBe("000000000000-000000000500.ndjson.gz")
    const texts = await Promise.all(
      names.map(async (name) => gunzipSync(await readFile(join(folder, name))).toString()),
    )
    const lines = texts.flatMap((text) => text.trimEnd().split("\n")).map((line) => Object(JSON.parse(line)))
    expect(lines.filter(({ id }) => id !== undefined).map(({ id }) => id)).toEqual(records.map(({ id }) => id))
  })

  test("OCSF's own schema finds nothing wrong with any event", () => {
    const variants = RECORD_KINDS.flatMap((kind) =>
      [
        {},
        { decision: "allow", code: "ok", denial: null },
        { operator: null },
        { operator: null, user: null, chain: [] },
        { tool: null, action: null, path: null, method: null, operator: null, task: null, token_hash: null },
      ].map((change) => ({ ...WHOLE, kind, ...change })),
    )
    // As they are stored: without what is blank.
    const stored = [
      ...variants,
      ...RECORD_KINDS.map((kind) => ({ id: WHOLE.id, at: WHOLE.at, kind, decision: "allow", code: "ok" })),
    ]
    const text = stored.map((record) => OCSF.write(batchWith(withoutNull(record)), CONTEXT)).join("")
    const script = join(import.meta.dirname, "ocsf-valid.py")
    const { problems, counts } = JSON.parse(execFileSync(programs.python, [script], { input: text, encoding: "utf8" }))
    expect(problems).toEqual([])
    expect(counts).toEqual({ api_activity: 29, authorize_session: 1, base_event: 30 })
  })
})

const withoutNull = (record: object): object =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
  )
