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
/**
 * As long as such records usually are: an allowed call of an agent for a user, with one argument and three windows. Members
 * are in the order in which the Worker writes them; each record has its own `at`, `id` and `number`.
 */
const RECORD = {
  action: "read",
  arguments: { ticket: "T-1" },
  arguments_hash: "830e191ccd36ea7799543354d77029e169b9980c014a5e5ee0383cc48dce5ab4",
  at: 0,
  bundle: { digest: "4532c761e564d8df85015779dad432e050df1efe1de106904ddeed8d10847cbc", seq: 5 },
  calls: { limit: 50, used: 1 },
  chain: ["spiffe://bench.example/agent/desk"],
  code: "ok",
  decision: "allow",
  environment: "production",
  gateway: "edge",
  groups: ["support"],
  id: "",
  io_ms: 0,
  kind: "call",
  life: 1,
  method: "GET",
  mode: "enforce",
  number: 0,
  path: "/crm/tickets/T-1",
  purpose: "answer-customer",
  rules: ["desk-reads-tickets"],
  sensitivity: "internal",
  task: "tsk_01M8815EYFQTG027QX3M0V9BK2RD5WAH4N6C",
  token_hash: "a5982c7644b31ddb",
  tool: "crm.tickets.get",
  total_ms: 1,
  user: "https://idp.bench.example|user-1",
  windows: ["whole-tree", "task-tickets", "each-tool"].map((window) => ({
    asked: 1,
    limit: 600,
    seconds: 60,
    used: 1,
    waits: 0,
    window,
  })),
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
