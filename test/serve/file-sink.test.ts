/** A sink of the kind `file`: the records of a deployment of one machine, as files that the command reads and verifies. */
import { globSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ISSUER } from "../../bench/servers/identities.ts"
import { SCOPE } from "../long/stack.ts"
import { run } from "../node/cli/run.ts"
import { deploy, readTicket, type Deployment } from "./served.ts"

const ROOT = join(import.meta.dirname, "../..")
const CALLS = 5
const SINKS = { sinks: [{ id: "archive", kind: "file", logs: ["records"] }] }

let there: Deployment
beforeAll(async () => {
  // JSON is YAML.
  there = await deploy({
    members: { record_delay_seconds: 0 },
    change: async (policies) => writeFile(join(policies, "sinks.yaml"), JSON.stringify(SINKS)),
  })
  await there.start()
  await there.publish()
})
afterAll(async () => there.remove())

const files = (): readonly string[] =>
  globSync("data/records/archive/log=*/date=*/*.ndjson.gz", { cwd: there.place })
    .toSorted()
    .map((file) => join(there.place, file))

async function call(token: string): Promise<string> {
  const { status, decision } = await readTicket(there, token)
  expect(status).toBe(200)
  return decision
}

const query = async (): Promise<readonly string[]> => {
  const { stdout } = await run(ROOT, ["decisions", "query", ...files(), "--json", "--kind", "call"])
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [String(Object(JSON.parse(line)).id)]))
}

const arrived = async (): Promise<readonly string[]> => {
  // To read the records gives those that wait their positions.
  await fetch(there.url("/v1/decisions"), { headers: { authorization: await there.staff.operator() } })
  return files().length === 0 ? [] : query()
}

test("its files have every call, and are verified as they are, also after a kill", { timeout: 240_000 }, async () => {
  const { token } = await there.narrowgate.openTask("alice", SCOPE)
  const calls: string[] = []
  for (const round of ["before", "after"]) {
    for (let at = 0; at < CALLS; at++) calls.push(await call(token))
    await expect.poll(arrived, { timeout: 60_000, interval: 500 }).toEqual(expect.arrayContaining(calls))
    if (round === "after") break
    await there.serving.end("SIGKILL")
    await there.start()
  }
  expect(new Set(await query()).size).toBe((await query()).length)

  const keys = join(there.place, "jwks.json")
  await writeFile(keys, await (await fetch(there.url("/.well-known/jwks.json"))).text())
  const verified = await run(ROOT, ["decisions", "verify", ...files(), "--keys", keys, "--issuer", ISSUER, "--json"])
  expect(verified.code, verified.stdout).toBe(0)
  const { findings, records } = JSON.parse(verified.stdout)
  expect(findings).toEqual([])
  expect(records).toBeGreaterThanOrEqual(calls.length)

  const [first = ""] = files()
  const others = files().filter((file) => file !== first)
  const foreign = await run(ROOT, [
    "decisions",
    "verify",
    first,
    ...others,
    "--keys",
    keys,
    "--issuer",
    "https://else.example",
  ])
  expect(foreign.code).toBe(1)
})
