/**
 * The number of an agent's partitions changes, again and again, while its instances call through the real process: a limit
 * over all of them is not exceeded.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { parseDocument } from "yaml"
import { ISSUER, makeProof, makeProofKey, ORIGIN, type ProofKey } from "../../bench/servers/identities.ts"
import { deploy, type Deployment } from "./served.ts"

const AGENT = "spiffe://bench.example/agent/nightly"
const TOOL = "crm.tickets.list"
const PATH = "/crm/tickets"
const LIMIT = 400
const INSTANCES = 8
const CHANGES = [3, 1, 5, 2, 4]
const BETWEEN_MS = 2_000
/** All of the limit would be used in a third of the time. */
const PAUSE_MS = 50

let there: Deployment
let partitions = 2

async function change(policies: string): Promise<void> {
  const agents = parseDocument(await readFile(join(policies, "agents.yaml"), "utf8"))
  const { agents: all }: { readonly agents: readonly { readonly id: string }[] } = agents.toJS()
  const nth = all.findIndex(({ id }) => id === AGENT)
  agents.setIn(["agents", nth, "purposes"], ["rounds"])
  agents.setIn(["agents", nth, "bound_key"], true)
  agents.setIn(["agents", nth, "partitions"], partitions)
  await writeFile(join(policies, "agents.yaml"), agents.toString())
  const window = { id: "fleet", tools: [TOOL], per: "agent", limit: LIMIT, within: "1h" }
  // JSON is YAML.
  await writeFile(join(policies, "guardrails.yaml"), JSON.stringify({ windows: [window] }))
}

beforeAll(async () => {
  there = await deploy({ change })
  await there.start()
  await there.publish()
}, 60_000)
afterAll(async () => there.remove())

/** Opens a task, calls, and opens the next when that is over. */
async function work(key: ProofKey, isOver: () => boolean, count: (code: string) => void): Promise<void> {
  const { narrowgate } = there
  const parameters = { grant_type: "client_credentials", scope: `${TOOL}:read` }
  while (!isOver()) {
    const proof = await makeProof(key, "POST", `${ISSUER}/oauth/token`, null)
    const granted = await narrowgate.token(parameters, { agent: AGENT, proof }).catch((error: unknown) => String(error))
    if (typeof granted === "string") {
      count(granted.replace(/\n.*/s, ""))
      await sleep(PAUSE_MS * 4)
      continue
    }
    const token = String(granted["access_token"])
    for (let calls = 0; calls < 10 && !isOver(); calls++) {
      const headers = {
        authorization: `DPoP ${token}`,
        dpop: await makeProof(key, "GET", ORIGIN + PATH, token),
        "x-narrowgate-key": narrowgate.gatewayKey,
        "x-forwarded-method": "GET",
        "x-forwarded-uri": PATH,
        "x-forwarded-host": new URL(ORIGIN).host,
      }
      const response = await fetch(there.url("/authz/forward"), { headers })
      count(response.headers.get("x-narrowgate-code") ?? String(response.status))
      await response.text()
      await sleep(PAUSE_MS)
    }
  }
}

test("a limit of the agent is used and not exceeded, and no call is unavailable", { timeout: 120_000 }, async () => {
  const codes = new Map<string, number>()
  let isOver = false
  const keys = await Promise.all(Array.from({ length: INSTANCES }, makeProofKey))
  const working = keys.map(async (key) =>
    work(
      key,
      () => isOver,
      (code) => codes.set(code, (codes.get(code) ?? 0) + 1),
    ),
  )
  for (const next of CHANGES) {
    await sleep(BETWEEN_MS)
    partitions = next
    await there.publish()
  }
  await sleep(BETWEEN_MS * 2)
  isOver = true
  await Promise.all(working)
  const allowed = (codes.get("ok") ?? 0) + (codes.get("200") ?? 0)
  console.log(`allowed ${allowed} of ${LIMIT}: ${JSON.stringify(Object.fromEntries(codes))}`)
  expect(allowed).toBeLessThanOrEqual(LIMIT)
  expect(allowed).toBeGreaterThan(LIMIT / 2)
  expect([...codes.keys()].filter((code) => /50\d|unavailable/.test(code))).toEqual([])
})
