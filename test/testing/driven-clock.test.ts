/** The driven clock by itself: when alarms and timers fall due on the way, and what the code sees of time. */
import { createRequire } from "node:module"
import { join } from "node:path"
import { Miniflare } from "miniflare"
import { afterAll, beforeEach, expect, test } from "vitest"
import { readManifest } from "../../dev/manifest.ts"

interface Esbuild {
  readonly build: (options: object) => Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>
}

/** Wrangler's own, which makes the test build too. */
const esbuild: Esbuild = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"))("esbuild")

async function bundled(): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(import.meta.dirname, "driven/index.ts")],
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd"],
    external: ["cloudflare:*", "node:*"],
  })
  return outputFiles[0]?.text ?? ""
}

const contents = await bundled()
let runtime: Miniflare | undefined
// What each operation answers stands beside it in the Worker.
// oxlint-disable-next-line typescript/no-explicit-any
let ask: (operation: string, given?: number) => Promise<any>

beforeEach(async () => {
  await runtime?.dispose()
  const { compatibilityDate } = await readManifest()
  runtime = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    logRequests: false,
    handleStructuredLogs: () => undefined,
    workers: [
      {
        config: {
          name: "driven",
          compatibilityDate,
          manifest: { mainModule: "index.js", modules: { "index.js": { type: "esm", contents } } },
          env: {
            NARROWGATE_TEST: { type: "json", value: { issuer: "https://driven.test", publisher: { publicJwk: {} } } },
            INBOX: { type: "durable-object", worker: "driven", exportName: "Inbox" },
          },
          exports: { Inbox: { type: "durable-object", storage: "sqlite" } },
        },
      },
    ],
  })
  const url = await runtime.ready
  ask = async (operation, given) => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify({ operation, given }) })
    return JSON.parse(await response.text())
  }
})
afterAll(async () => runtime?.dispose())

const SECOND = 1_000

/** The real clock runs on: milliseconds that may pass meanwhile. */
const SLACK = 5 * SECOND

function expectNear(time: number, expected: number): void {
  expect(time - expected).toBeGreaterThanOrEqual(0)
  expect(time - expected).toBeLessThan(SLACK)
}

test("each way to read the time has it", async () => {
  await ask("advance", 1_000 * SECOND)
  const [driven, now, date, epoch, isDate, utc]: readonly unknown[] = await ask("now")
  expect(Number(now) - Number(driven)).toBeLessThan(SECOND)
  expectNear(Number(now), Date.now() + 1_000 * SECOND - SLACK / 2)
  expect([Number(date) - Number(now) < SLACK, epoch, isDate, utc]).toEqual([true, 0, true, 0])
})

test("an alarm comes at its own time, with those that it sets on the way, and one that fails comes again", async () => {
  const began: number = await ask("begin", 60 * SECOND)
  await ask("advance", 59 * SECOND)
  expect(await ask("times")).toEqual([])
  expectNear(await ask("next"), began + 60 * SECOND - SLACK / 2)
  await ask("advance", 541 * SECOND)
  const times: readonly number[] = await ask("times")
  // After 60 s, then each 90 s; the second fails, and is repeated five seconds later.
  const expected = [60, 150, 155, 245, 335, 425, 515]
  expect(times).toHaveLength(expected.length)
  for (const [index, seconds] of expected.entries()) expectNear(times[index] ?? 0, began + seconds * SECOND)
})

test("an alarm that is near comes in real time after an advance", async () => {
  await ask("begin", 60 * SECOND)
  await ask("advance", 59.5 * SECOND)
  expect(await ask("times")).toEqual([])
  await expect.poll(async () => ask("times"), { timeout: 10 * SECOND }).toHaveLength(1)
})

test("an object that has emptied its storage has no alarm any more", async () => {
  await ask("begin", 60 * SECOND)
  await ask("empty")
  expect(await ask("next")).toBeNull()
  await ask("advance", 600 * SECOND)
  expect(await ask("times")).toEqual([])
})

test.each(["timer", "wait"])("a request that waits (%s) goes on, in the time that it waited for", async (operation) => {
  const began: number = await ask("advance", 0)
  const waiting = ask(operation, 120 * SECOND)
  const isOver = waiting.then(() => true)
  const over = async (milliseconds: number): Promise<unknown> =>
    Promise.race([isOver, new Promise((resolve) => void setTimeout(resolve, milliseconds, false))])
  expect(await over(300)).toBe(false)
  await ask("advance", 60 * SECOND)
  expect(await over(300)).toBe(false)
  await ask("advance", 600 * SECOND)
  expect(await over(2 * SECOND)).toBe(true)
  const [time, isAborted = false] = [await waiting].flat() as readonly (number | boolean)[]
  expectNear(Number(time), began + 120 * SECOND)
  expect(isAborted).toBe(false)
})

test("time advances by the sum of what several tests ask for at once, and not back", async () => {
  const began: number = await ask("advance", 0)
  const times: readonly number[] = await Promise.all([ask("advance", 60 * SECOND), ask("advance", 60 * SECOND)])
  expectNear(Math.max(...times), began + 120 * SECOND)
  expectNear(await ask("advance", -600 * SECOND), began + 120 * SECOND)
})
