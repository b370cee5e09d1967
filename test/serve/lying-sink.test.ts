/**
 * A sink behind a network that lies: it cuts requests off, keeps what it does not acknowledge, and answers late. Each record
 * arrives all the same. What it acknowledges and drops, or cuts short, the receiver finds by `decisions verify`.
 */
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { buffer } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ISSUER } from "../../bench/servers/identities.ts"
import { SCOPE } from "../long/stack.ts"
import { run } from "../node/cli/run.ts"
import { deploy, readTicket, type Deployment } from "./served.ts"

const ROOT = join(import.meta.dirname, "../..")
const CALLS = 40
/** More than one object, in each of the logs. */
const BATCH = 3
const DELAY_MS = 1_500

type Lie = (request: IncomingMessage, response: ServerResponse, keep: (body: Buffer) => Promise<void>) => Promise<void>

const LIES: readonly Lie[] = [
  async (request) => {
    await once(request, "data")
    request.socket.destroy()
  },
  async (request, _response, keep) => {
    await keep(await buffer(request))
    request.socket.destroy()
  },
  async (request, response, keep) => {
    await keep(await buffer(request))
    response.writeHead(200, { "content-length": "100" }).write("half of an ans")
    response.destroy()
  },
  async (request, response) => {
    await buffer(request)
    response.writeHead(503, { "retry-after": "0" }).end()
  },
  async (request, response, keep) => {
    const body = await buffer(request)
    await sleep(DELAY_MS)
    await keep(body)
    response.writeHead(200).end()
  },
]
const honest: Lie = async (request, response, keep) => {
  await keep(await buffer(request))
  response.writeHead(200).end()
}
/** What happens to one request after the other, again and again: an exporter pauses longer after each failure in a row. */
const ANSWERS = LIES.flatMap((lie) => [lie, honest])

const objects = new Map<string, Buffer>()
let there: Deployment
let requests = 0
const server = createServer((request, response) => {
  const answer = ANSWERS[requests++ % ANSWERS.length]
  const name = new URL(request.url ?? "/", "http://sink.test").pathname.slice(1)
  answer?.(request, response, async (body) => void objects.set(name, body)).catch(() => response.destroy())
})

beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening")
  const { port }: AddressInfo = Object(server.address())
  const sink = { id: "archive", kind: "s3", url: `http://127.0.0.1:${port}/records`, region: "here" }
  const sinks = [{ ...sink, access_key: "id", secret_key: "secret", batch: { records: BATCH, bytes: 1_000_000 } }]
  there = await deploy({
    members: { record_delay_seconds: 0, outbound_networks: ["public", "local"] },
    env: { SINK_SECRETS: JSON.stringify({ id: "AKIA", secret: "secret" }) },
    // JSON is YAML.
    change: async (policies) => writeFile(join(policies, "sinks.yaml"), JSON.stringify({ sinks })),
  })
  await there.start()
  await there.publish()
}, 60_000)
afterAll(async () => {
  await there.remove()
  server.closeAllConnections()
  server.close()
})

/** Writes the objects as a receiver has them, and runs a command on all of them. */
async function command(kept: ReadonlyMap<string, Buffer>, place: string, ...args: readonly string[]) {
  const files = await Promise.all(
    Array.from(kept, async ([name, body]) => {
      const file = join(there.place, place, name)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, body)
      return file
    }),
  )
  return run(ROOT, ["decisions", args[0] ?? "", ...files.toSorted(), ...args.slice(1)])
}

const idsIn = async (kept: ReadonlyMap<string, Buffer>): Promise<readonly string[]> => {
  if (kept.size === 0) return []
  const { stdout } = await command(kept, "query", "query", "--json", "--kind", "call")
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [String(Object(JSON.parse(line)).id)]))
}

async function verify(kept: ReadonlyMap<string, Buffer>, place: string) {
  const keys = join(there.place, "jwks.json")
  await writeFile(keys, await (await fetch(there.url("/.well-known/jwks.json"))).text())
  return command(kept, place, "verify", "--keys", keys, "--issuer", ISSUER, "--json")
}

test("each record arrives, and what the network cut short or dropped is found", { timeout: 240_000 }, async () => {
  const calls: string[] = []
  for (let at = 0; at < CALLS; at++) {
    const { token } = await there.narrowgate.openTask(`user-${at % 5}`, SCOPE)
    const { status, decision } = await readTicket(there, token)
    expect(status).toBe(200)
    calls.push(decision)
  }
  const arrived = async (): Promise<readonly string[]> => {
    await fetch(there.url("/v1/decisions"), { headers: { authorization: await there.staff.operator() } })
    return idsIn(objects)
  }
  await expect.poll(arrived, { timeout: 180_000, interval: 3_000 }).toEqual(expect.arrayContaining(calls))
  const kept = new Map(objects)
  expect(requests).toBeGreaterThan(ANSWERS.length)
  const ids = await idsIn(kept)
  expect(new Set(ids).size).toBe(ids.length)
  const whole = await verify(kept, "whole")
  expect([whole.code, JSON.parse(whole.stdout).findings]).toEqual([0, []])

  // Of one log, an object in the middle.
  const logs = Map.groupBy(kept.keys(), (name) => /log=[^/]+/.exec(name)?.[0])
  const [, longest = []] = [...logs].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? []
  const middle = longest.toSorted()[longest.length >> 1] ?? ""
  const body = kept.get(middle) ?? Buffer.alloc(0)
  const dropped = await verify(new Map([...kept].filter(([name]) => name !== middle)), "dropped")
  expect([dropped.code, dropped.stdout]).toEqual([1, expect.stringMatching(/missing|lack/i)])
  const cut = await verify(new Map([...kept, [middle, body.subarray(0, body.length >> 1)]]), "cut")
  expect(cut.code).not.toBe(0)
})
