import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readAnswer } from "../../../src/core/catalog/mcp-answer.ts"

const read = (text: string) => readAnswer(text, 1_000)

describe("an answer", () => {
  test("is read as JSON.parse reads it, whatever it is", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        // A member that differs from a known one in its spelling only is objected to.
        fc.pre(!/"(?:id|method|params|result|error|jsonrpc|tools|nextcursor)"/i.test(text))
        const answer = read(text)
        const json: unknown = JSON.parse(text)
        expect(answer).toEqual({ messages: Array.isArray(json) ? json : [json], parts: expect.any(Number) })
      }),
    )
  })

  test("is come to an end with, whatever text it is", () => {
    fc.assert(fc.property(fc.stringMatching(/^[[\]{}",:\\ua1 ]*$/), (text) => void read(text)))
  })

  test.each(["", "{", '"', '{"', '{"a', '{"a\\', '{"\\u00', '{"\\x":1}', "<html>", "}]", '{"a":1'])(
    "is none that is %j",
    (text) => {
      expect(read(text)).toBeNull()
    },
  )

  test.each<readonly [text: string, parts: number]>([
    ["1", 0],
    ["{}", 1],
    ['{"a":[1,2,{"b":"{[,"}]}', 5],
    ['[[],"\\",[{"]', 3],
  ])("%s has %i parts", (text, parts) => {
    expect(read(text)).toMatchObject({ parts })
    expect(readAnswer(text, parts - 1)).toEqual({ objection: "has too many parts" })
  })

  test.each<readonly [text: string, objection: string]>([
    ['{"a":1,"a":2}', "has a key twice"],
    ['{"a":{"b":1},"c":[{"d":1,"\\u0064":2}]}', "has a key twice"],
    ['{"jsonrpc":"2.0","Id":1}', "has a member that differs from a known one in its spelling only"],
    ['[{"a":1},{"re\\u017fult":{}}]', "has a member that differs from a known one in its spelling only"],
    ["[".repeat(129), "nests too deep"],
  ])("%s is refused", (text, objection) => {
    expect(read(text)).toEqual({ objection })
  })

  test.each(['{"a":{"q":1,"Q":2}}', '{"a":"a","b":"a"}', '[{"a":1},{"a":2}]', '{"a":9007199254740993,"b":1e999}'])(
    "%s is read",
    (text) => {
      expect(read(text)).toHaveProperty("messages")
    },
  )
})
