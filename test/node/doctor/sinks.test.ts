/** `narrowgate doctor` of sinks, at a local stack whose sink works, fails and works again. */
import { createServer } from "node:http"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { examine, type Examined } from "../../../cli/doctor/examine.ts"
import { judgeSink } from "../../../cli/doctor/checks/sinks.ts"
import { operatorBearer } from "../../../cli/remote/bearer.ts"
import { subjectOf, type Given } from "../../../cli/doctor/subject.ts"
import { listen } from "../../../dev/loopback.ts"
import { ownStack } from "../cli/own-stack.ts"

let status = 200
const sink = await listen(
  createServer((request, response) => {
    request.resume()
    response.writeHead(status, { "retry-after": "1" }).end()
  }),
  0,
)
afterAll(async () => sink.close())

const own = ownStack(
  async () => undefined,
  async (policies) => {
    const yaml = `sinks: [{ id: lake, kind: ocsf, url: "${sink.origin}/in" }]\n`
    await writeFile(join(policies, "sinks.yaml"), yaml)
  },
)

async function found(more: Partial<Given> = {}): Promise<readonly Examined[]> {
  const { directory, stack } = own()
  const policies = join(directory, "policies")
  const given = {
    directory: policies,
    isDirectoryNamed: true,
    url: stack.origin,
    isUrlNamed: true,
    idp: stack.provider,
  }
  return (await examine(await subjectOf({ ...given, ...more }))).filter(({ check }) => check === "sink")
}

/** Records go to sinks within a minute, or once an operator reads them. */
async function read(): Promise<void> {
  const { origin: url, provider: idp } = own().stack
  const authorization = `Bearer ${await operatorBearer({ url, idp })}`
  expect((await fetch(`${url}/v1/decisions?limit=1`, { headers: { authorization } })).status).toBe(200)
}

test("a sink that fails is a problem, and none any more once it works", { timeout: 60_000 }, async () => {
  expect(await found()).toMatchObject([{ level: "ok", about: "lake" }])
  status = 503
  await read()
  const seconds = { timeout: 20_000, interval: 500 }
  await expect
    .poll(async () => found(), seconds)
    .toMatchObject([
      {
        level: "problem",
        about: "lake",
        text: expect.stringMatching(
          /^lacks \d+ records?, .*; failed \d+ seconds? ago: The sink failed\. \(HTTP 503\)$/,
        ),
        fix: expect.stringContaining(`sinks --url ${own().stack.origin}`),
      },
    ])
  status = 200
  await expect.poll(async () => found(), seconds).toMatchObject([{ level: "ok", about: "lake" }])
})

test("what cannot be seen is skipped: without an operator, without a Worker, without sinks", async () => {
  const nobody = await found({ idp: sink.origin })
  expect(nobody).toMatchObject([{ level: "skipped", text: expect.stringMatching(/; log in, .*$/) }])
  expect(await found({ url: "http://127.0.0.1:9" })).toMatchObject([{ level: "skipped" }])
  const example = join(import.meta.dirname, "../../../policies")
  expect(await found({ directory: example })).toMatchObject([
    { level: "skipped", text: "there is no sink in sinks.yaml" },
  ])
})

const WELL = { lagRecords: 0, lagSeconds: 0, failure: null, lostRecords: 0, denies: false, unknown: [] }
test.each([
  ["ok", WELL, "has everything"],
  ["ok", { ...WELL, lagRecords: 2, lagSeconds: 3 }, "lacks 2 records, the oldest 3 s old"],
  [
    "problem",
    { ...WELL, denies: true },
    "has everything; calls are denied, because a log has no room for their records",
  ],
  ["warn", { ...WELL, lostRecords: 4 }, "has everything; 4 records were not exported"],
  ["warn", { ...WELL, unknown: ["records-1"] }, "has everything; not known of records-1"],
] as const)("a state is %s: %j", (level, health, text) => {
  expect(judgeSink(health, "https://authz.example")).toMatchObject({ level, text })
})
