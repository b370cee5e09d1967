/** What others wrote reaches a terminal as text, and as JSON of the same value. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { escaped, jsonText, printableText } from "../../../cli/terminal/escape.ts"
import { providerOf } from "../../../cli/remote/worker.ts"
import { wronglyShown } from "../../harness/unseen.ts"

const HOSTILE = [
  ["an escape sequence", "a\u001b[2Jb"],
  ["a C1 control sequence", "a\u009b2Jb"],
  ["delete", "a\u007fb"],
  ["an override of the direction", "a\u202eb"],
  ["an isolate", "a\u2066b\u2069"],
  ["a line separator", "a\u2028b"],
  ["a zero-width space", "a\u200bb"],
  ["a tag character", "a\u{e0041}b"],
  ["half a pair", "a\ud800b"],
  ["a line feed", "a\nb"],
] as const
/** All that is no letter, mark, number, punctuation, symbol or space, and what is drawn as nothing; a line feed apart. */
const STEERING = /[^\P{C}\n]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

describe("a text with", () => {
  it.each(HOSTILE)("%s is in JSON as escapes of the same value", (_what, text) => {
    for (const indent of [0, 2]) {
      const shown = jsonText({ [text]: [text] }, indent)
      expect(shown).not.toMatch(STEERING)
      expect(JSON.parse(shown)).toEqual({ [text]: [text] })
      if (indent === 0) expect(shown).not.toContain("\n")
    }
  })

  it.each(HOSTILE)("%s is printed without it", (_what, text) => {
    expect(printableText(text)).not.toMatch(STEERING)
    expect(printableText(text)).not.toContain("\n")
  })
})

it("of all of Unicode, each character that cannot be seen is written out, and no other", () => {
  expect(wronglyShown(escaped)).toEqual([])
  expect(wronglyShown(printableText)).toEqual([])
  expect(wronglyShown(jsonText, '"\\')).toEqual([])
})

it("letters of every script stay as they are", () => {
  expect(jsonText("Zürich, 東京, שלום")).toBe('"Zürich, 東京, שלום"')
})

describe("the identity provider of a local stack", () => {
  it.each([
    ["http://127.0.0.1:8787", "http://127.0.0.1:8788"],
    ["http://127.0.0.1:21600/", "http://127.0.0.1:21601"],
    ["http://localhost:9000", "http://127.0.0.1:9001"],
    ["https://authz.example", "http://127.0.0.1:8788"],
  ])("of %s is %s", (url, provider) => {
    expect(providerOf(url)).toBe(provider)
  })

  it("is looked for beside the Worker that is named, and the failure says how to name another", async () => {
    const main = join(import.meta.dirname, "../../../bin/narrowgate.ts")
    const args = [main, "token", "user", "--login", "alice", "--url", "http://127.0.0.1:21690"]
    const failed = await promisify(execFile)(process.execPath, args).catch((error: unknown) => error)
    expect(failed).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/no answer from http:\/\/127\.0\.0\.1:21691[^]*--url http:\/\/127\.0\.0\.1:PORT/u),
    })
  })
})
