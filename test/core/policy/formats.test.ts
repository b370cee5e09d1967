/** A version reads its own format of bundles and that of the release before; what it would misread, it refuses. */
import { expect, test } from "vitest"
import { EMPTY_BODY, FORMAT } from "../../../src/core/policy/bundle.ts"
import { encode } from "../../../src/core/policy/encode.ts"
import { readBundle } from "../../../src/core/policy/formats.ts"

const text = encode(EMPTY_BODY)
const of = (format: unknown): string => text.replace(`"format":${FORMAT}`, `"format":${JSON.stringify(format)}`)

/** A release whose format is one lower, and whose labels had another name. */
const earlier = {
  format: FORMAT - 1,
  toCurrent: (old: string) =>
    old.replace(`"format":${FORMAT - 1}`, `"format":${FORMAT}`).replace('"marks":', '"labels":'),
}
const old = of(FORMAT - 1).replace('"labels":', '"marks":')

test("its own format is read as it is, the one before by its step", () => {
  expect(readBundle(text, null)).toMatchObject({ text, head: { format: FORMAT } })
  expect(readBundle(text, earlier).text).toBe(text)
  expect(readBundle(old, earlier).text).toBe(text)
})

test.each([
  [FORMAT + 1, "deploy the version that it was built with, or build it with the one that is deployed"],
  [FORMAT + 2, "deploy the version that it was built with, or build it with the one that is deployed"],
  [FORMAT - 2, "build it again with this version"],
  [String(FORMAT), "build it again with this version"],
  [null, "build it again with this version"],
])("the format %j is refused, and the error says what to do", (format, fix) => {
  const error = `the bundle has format ${String(format)}, and this version reads ${FORMAT} and ${FORMAT - 1}: ${fix}`
  expect(() => readBundle(of(format), earlier)).toThrow(new Error(error))
})

test("without a step for it, the format before is refused too, and a step that leaves it is no way round", () => {
  expect(() => readBundle(old, null)).toThrow(`this version reads ${FORMAT}: build it again`)
  expect(() => readBundle(old, { ...earlier, toCurrent: (same) => same })).toThrow("build it again")
})
