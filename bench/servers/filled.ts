/** A Worker whose logs are full of records, each under a signed checkpoint, and with sinks that have been down meanwhile. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import type { Lab } from "../lab.ts"
import { buildFilled } from "./build.ts"
import type { Collector } from "./collector.ts"
import { startNarrowgate, type Narrowgate } from "./narrowgate.ts"
import { addOperator } from "./worst.ts"

export const FILLED_LOGS = ["records-0", "records-1", "records-2", "records-3"] as const
const CREDENTIAL = "bench-key"
/** As long as such records usually are: an allowed call of an agent for a user, with one argument and three guardrails. */
const RECORD = {
  life: 1,
  kind: "call",
  decision: "allow",
  code: "ok",
  mode: "enforce",
  gateway: "edge",
  environment: "production",
  method: "GET",
  path: "/crm/tickets/T-1",
  tool: "crm.tickets.get",
  action: "read",
  sensitivity: "internal",
  task: "tsk_01M8815EYFQTG02QXPPQ2N3ENA",
  purpose: "answer-customer",
  user: "https://idp.bench.example|user-1",
  groups: ["support"],
  chain: ["spiffe://bench.example/agent/desk"],
  arguments_hash: "830e191ccd36ea7799543354d77029e169b9980c014a5e5ee0383cc48dce5ab4",
  arguments: { ticket: "T-1" },
  bundle: { seq: 5, digest: "4532c761e564d8df85015779dad432e050df1efe1de106904ddeed8d10847cbc" },
  rules: ["desk-reads-tickets"],
  windows: ["whole-tree", "task-tickets", "each-tool"].map((window) => ({
    window,
    limit: 600,
    seconds: 60,
    used: 1,
    asked: 1,
    waits: 0,
  })),
  calls: { used: 1, limit: 50 },
  token_hash: "a5982c7644b31ddb",
  total_ms: 1,
  io_ms: 0,
}

/** Sinks by their ids. */
const sinksAt = (collector: Collector) => {
  const common = { logs: ["records"], batch: { records: 5_000, bytes: 8_000_000 } }
  const [region, access_key, secret_key] = ["bench", CREDENTIAL, CREDENTIAL]
  return [
    { ...common, id: "objects", kind: "s3", url: collector.url("objects"), region, access_key, secret_key },
    { ...common, id: "ocsf", kind: "ocsf", url: collector.url("ocsf") },
    { ...common, id: "otlp", kind: "otlp", url: collector.url("otlp") },
  ]
}
export const SINKS = ["objects", "ocsf", "otlp"] as const

const TOGETHER = 1_000
/** A log signs one checkpoint a minute. */
const SIGNED_WITHIN_MS = 90_000

/** @param records in all logs together */
export async function startFilled(lab: Lab, collector: Collector, records: number): Promise<Narrowgate> {
  const change = async (directory: string): Promise<void> => {
    await addOperator(directory)
    await writeFile(join(directory, "sinks.yaml"), JSON.stringify({ sinks: sinksAt(collector) }))
  }
  const variables = { LOCAL: "true", SINK_SECRETS: JSON.stringify({ [CREDENTIAL]: CREDENTIAL }) }
  const narrowgate = await startNarrowgate(lab, null, change, buildFilled, false, false, variables)
  await narrowgate.ask("/bench/sinks")
  for (let from = 0; from < records / FILLED_LOGS.length; from += TOGETHER) {
    lab.say(`${from * FILLED_LOGS.length} of ${records} records`)
    for (const log of FILLED_LOGS) {
      const query = new URLSearchParams({ log, from: String(from), count: String(TOGETHER) })
      await narrowgate.ask(`/bench/records?${query}`, { method: "POST", body: JSON.stringify(RECORD) })
    }
  }
  lab.say("waiting for checkpoints")
  for (const log of FILLED_LOGS) await untilSigned(narrowgate, log, records / FILLED_LOGS.length)
  return narrowgate
}

const checkpointList = z.object({ checkpoints: z.array(z.object({ size: z.number() })) })

async function untilSigned(narrowgate: Narrowgate, log: string, size: number): Promise<void> {
  const headers = { authorization: `Bearer ${await narrowgate.identities.operatorToken()}` }
  for (const until = performance.now() + SIGNED_WITHIN_MS; performance.now() < until; await sleep(500)) {
    const answer = await narrowgate.ask(`/v1/records/checkpoints?log=${log}&from=${size - 1}`, { headers })
    if (checkpointList.parse(await answer.json()).checkpoints.some((each) => each.size >= size)) return
  }
  throw new Error(`${log} has no checkpoint of its ${size} records`)
}
