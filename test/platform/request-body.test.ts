import { afterEach, expect, test, vi } from "vitest"
import { boundedText } from "../../src/platform/request-body.ts"

afterEach(() => {
  vi.useRealTimers()
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const message = (body: ReadableStream | null, headers: Readonly<Record<string, string>> = {}) => ({
  headers: new Headers(headers),
  body,
})
const of = (...chunks: readonly Uint8Array[]): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })

test("a body's text, however it comes in pieces", async () => {
  const whole = bytes("grant_type=ü")
  expect(await boundedText(message(of(whole.slice(0, 12), whole.slice(12))), 100)).toBe("grant_type=ü")
  expect(await boundedText(message(null), 100)).toBe("")
})

test("none where it is too long, whatever its length is said to be, or no UTF-8", async () => {
  expect(await boundedText(message(of(bytes("12345"))), 4)).toBeNull()
  expect(await boundedText(message(of(bytes("1")), { "content-length": "5" }), 4)).toBeNull()
  expect(await boundedText(message(of(Uint8Array.of(0xff))), 4)).toBeNull()
})

test("none where it trickles in: what it is judged by would grow old meanwhile", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  let cancelled = false
  const trickle = new ReadableStream({
    start: (controller) => controller.enqueue(bytes("grant_type=")),
    cancel: () => {
      cancelled = true
    },
  })
  const reading = boundedText(message(trickle), 100)
  await vi.advanceTimersByTimeAsync(9_999)
  expect(cancelled).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(await reading).toBeNull()
  expect(cancelled).toBe(true)
})

test("none where a client's own trickles in: its stream fails once it is cancelled", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  const { readable, writable } = new FixedLengthStream(1_000)
  const writer = writable.getWriter()
  const writing = writer.write(bytes("grant_type=")).catch(() => undefined)
  const reading = boundedText(message(readable), 1_000)
  await writing
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await reading).toBeNull()
  await writer.abort().catch(() => undefined)
})
