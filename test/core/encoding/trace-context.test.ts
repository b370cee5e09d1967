/** The examples and rules of W3C Trace Context, level 2, and values that a hostile client would send. */
import { decodeTime } from "ulid"
import { describe, expect, test } from "vitest"
import {
  childTraceparent,
  partsOfTrace,
  readTraceparent,
  spanIdOf,
  traceIdOf,
} from "../../../src/core/encoding/trace-context.ts"
import { newId } from "../../../src/platform/new-id.ts"

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const SPAN = "b7ad6b7169203331"

describe("a traceparent", () => {
  const READ: Readonly<Record<string, string>> = {
    [`00-${TRACE}-${SPAN}-01`]: `${TRACE}-${SPAN}-01`,
    [`00-${TRACE}-${SPAN}-00`]: `${TRACE}-${SPAN}-00`,
    [`00-${TRACE}-${SPAN}-03`]: `${TRACE}-${SPAN}-03`,
    // Flags that no standard defines are not passed on.
    [`00-${TRACE}-${SPAN}-ff`]: `${TRACE}-${SPAN}-03`,
    [`00-${TRACE}-${SPAN}-fc`]: `${TRACE}-${SPAN}-00`,
    // Of a later version, the members of this one are read.
    [`cc-${TRACE}-${SPAN}-01`]: `${TRACE}-${SPAN}-01`,
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`]: `${TRACE}-${SPAN}-01`,
  }
  test.each(Object.keys(READ))("%s is read", (value) => {
    expect(readTraceparent(value)).toBe(READ[value])
  })

  const IGNORED: readonly unknown[] = [
    null,
    undefined,
    1,
    {},
    [`00-${TRACE}-${SPAN}-01`],
    "",
    `00-${TRACE}-${SPAN}-0`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01 `,
    `00-${TRACE}-${SPAN}-01\n`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `cc-${TRACE}-${SPAN}-01-${"x".repeat(500)}`,
    `ff-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-001`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-0x`,
    `00-${TRACE}-${SPAN.slice(1)}g-01`,
    `00_${TRACE}_${SPAN}_01`,
    "x".repeat(1_000_000),
  ]
  test.each(IGNORED)("%s counts as absent", (value) => {
    expect(readTraceparent(value)).toBeNull()
  })

  test("says whether its trace is sampled", () => {
    expect(partsOfTrace(`${TRACE}-${SPAN}-03`)).toEqual({ traceId: TRACE, spanId: SPAN, flags: "03", isSampled: true })
    expect(partsOfTrace(`${TRACE}-${SPAN}-02`).isSampled).toBe(false)
  })
})

describe("a decision's span", () => {
  test("is named by the random bits of its id, and a trace that begins with it by all of them", () => {
    const id = newId("dec", 1_900_000_000_000)
    expect(traceIdOf(id)).toMatch(/^[0-9a-f]{32}$/)
    expect(Number.parseInt(traceIdOf(id).slice(0, 12), 16)).toBe(decodeTime(id.slice(4)))
    expect(traceIdOf(id).slice(16)).toBe(spanIdOf(id))
    // By another reader of ULIDs: the digits of the specification's example.
    expect(traceIdOf("dec_01ARZ3NDEKTSV4RRFFQ69G5FAV")).toBe("01563e3ab5d3d6764c61efb99302bd5b")
  })

  test("is the parent of what the call leads to, in the same trace and with its flags", () => {
    const id = newId("dec", 1_900_000_000_000)
    const child = childTraceparent(`${TRACE}-${SPAN}-02`, id)
    expect(child).toBe(`00-${TRACE}-${spanIdOf(id)}-02`)
    expect(readTraceparent(child)).toBe(child.slice(3))
  })
})
