/** The Worker that is deployed has none of what the test build has. */
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptions } from "miniflare"
import { afterAll, beforeAll, expect, test } from "vitest"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { builtWorker } from "../../dev/built-worker.ts"
import { timeOf } from "../../src/core/encoding/ids.ts"
import { narrowgateWorker, type WorkerDefinition } from "../../testing/index.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let directory: string
/** Both with the bindings of tests; the release has its owner in bindings of its own. */
let builds: Readonly<Record<"release" | "test", WorkerDefinition>>
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-release-"))
  const built = await narrowgateWorker({ policies: "policies" })
  const publisher = await generatePublisherKey()
  const contents = await readFile(await builtWorker("release", directory), "utf8")
  const owner = { ISSUER: "https://narrowgate.test", PUBLISHER_KEYS: JSON.stringify({ keys: [publisher.publicJwk] }) }
  const modules = [{ type: "ESModule" as const, path: "narrowgate.js", contents }]
  builds = { test: built, release: { ...built, modules, bindings: { ...built.bindings, ...owner } } }
})
afterAll(async () => rm(directory, { recursive: true, force: true }))

const scriptOf = (build: WorkerDefinition): string => build.modules[0]?.contents ?? ""

// The binding, the entry point, and what replaces the clock and the timers.
test.each(["NARROWGATE_TEST", "TestKit", "Object.assign(globalThis"])("%s is in the test build alone", (text) => {
  expect([scriptOf(builds.test).includes(text), scriptOf(builds.release).includes(text)]).toEqual([true, false])
})

/** Calls `advance` by an hour at an entry point, as the driver of the test kit does, and then asks for a decision. */
async function timeAfterAdvance(
  build: WorkerDefinition,
  entrypoint: string | undefined,
): Promise<{ readonly advanced: string; readonly ahead: number }> {
  const driver: V4WorkerOptions = {
    name: "driver",
    modules: true,
    script: `export default { async fetch(_request, { KIT, NARROWGATE }) {
      const advanced = await Promise.resolve().then(() => KIT.advance(${HOUR})).then(() => "advanced", String)
      const denied = await NARROWGATE.fetch("https://narrowgate.test/authz/forward")
      return Response.json({ advanced, decision: denied.headers.get("X-Narrowgate-Decision") })
    } }`,
    compatibilityDate: build.compatibilityDate,
    serviceBindings: {
      KIT: { name: "narrowgate", ...(entrypoint !== undefined && { entrypoint }) },
      NARROWGATE: "narrowgate",
    },
  }
  const shared = { logRequests: false, handleStructuredLogs: () => undefined, telemetry: { enabled: false } }
  const runtime = new Miniflare(convertV4MiniflareOptions({ ...shared, workers: [driver, { ...build }] }))
  try {
    const response = await runtime.dispatchFetch("https://driver.test/")
    const { advanced, decision }: { readonly advanced: string; readonly decision: string } = JSON.parse(
      await response.text(),
    )
    return { advanced, ahead: (timeOf(decision) ?? 0) - Date.now() }
  } finally {
    await runtime.dispose()
  }
}

test("the entry point by which tests advance the clock is in the test build alone", async () => {
  const { advanced, ahead } = await timeAfterAdvance(builds.test, "TestKit")
  expect(advanced).toBe("advanced")
  expect(ahead).toBeGreaterThan(HOUR - MINUTE)
  await expect(timeAfterAdvance(builds.release, "TestKit")).rejects.toThrow(/TestKit/u)
})

test.each([undefined, "Authorizer"])("the release's entry point %s does not advance its clock", async (entrypoint) => {
  const { advanced, ahead } = await timeAfterAdvance(builds.release, entrypoint)
  expect(advanced).toMatch(/advance/u)
  expect(Math.abs(ahead)).toBeLessThan(MINUTE)
})
