/** Whether `narrowgate serve` sends records to this machine: only if its operator has said so. */
import { once } from "node:events"
import { readFile, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { buffer } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, expect, test } from "vitest"
import { deploy, untilReady, type Deployment } from "./served.ts"

interface Collector {
  readonly server: Server
  readonly url: string
  /** What it was sent. */
  readonly texts: string[]
}

async function listen(): Promise<Collector> {
  const texts: string[] = []
  const server = createServer(async (request, response) => {
    texts.push(gunzipSync(await buffer(request)).toString())
    response.writeHead(204).end()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port }: AddressInfo = Object(server.address())
  return { server, url: `http://127.0.0.1:${port}/`, texts }
}

let there: Deployment | undefined
let collector: Collector | undefined
afterEach(async () => {
  await there?.remove()
  collector?.server.close()
})

/** The publication of the sink is itself recorded. */
async function serving(members: Readonly<Record<string, unknown>>): Promise<Collector> {
  const here = (collector = await listen())
  const sinks = `sinks:\n  - id: here\n    kind: ocsf\n    url: ${here.url}\n`
  there = await deploy({ members, change: async (policies) => writeFile(join(policies, "sinks.yaml"), sinks) })
  await there.start()
  await there.publish()
  return here
}

async function until<Found>(
  find: () => Found | undefined | Promise<Found | undefined>,
  within = 30_000,
): Promise<Found | undefined> {
  for (const end = Date.now() + within; Date.now() < end; await sleep(100)) {
    const found = await find()
    if (found !== undefined) return found
  }
  return undefined
}

test("records go to a collector on this machine if `outbound_networks` has it", async () => {
  const { texts } = await serving({ outbound_networks: ["public", "local"] })
  expect(await until(() => texts[0])).toContain("/v1/bundles")
})

test("once it no longer has it, nothing is sent there, and the log says why", async () => {
  const { texts } = await serving({ outbound_networks: ["public", "local"] })
  await until(() => texts[0])
  const started = await restartWithout("outbound_networks")
  const before = texts.length
  const failed = await until(async () => {
    // Reading is recorded, and records that are read get their positions at once.
    await fetch(started.url("/v1/decisions"), { headers: { authorization: await started.staff.operator() } })
    return started.serving.lines.find(({ event }) => event === "export_failed")
  })
  expect(String(failed?.["error"])).toContain("private")
  expect(texts).toHaveLength(before)
})

test("without that, policies that name a collector on this machine are not published", async () => {
  await expect(serving({})).rejects.toThrow(/never requests what the bundle names: sink here \(http:\/\/127\.0\.0\.1/)
  expect(collector?.texts).toEqual([])
})

async function restartWithout(member: string): Promise<Deployment> {
  if (!there) throw new Error("none serves")
  await there.serving.end()
  const file = join(there.place, "narrowgate.yaml")
  const configuration: Record<string, unknown> = JSON.parse(await readFile(file, "utf8"))
  await writeFile(file, JSON.stringify({ ...configuration, [member]: undefined }))
  await there.start()
  await untilReady(there.url("/readyz"))
  return there
}
