import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { FormatContext } from "../../../src/notifications/formats/message.ts"
import type { PendingCall, Notice, PendingTask } from "../../../src/core/notices/notice.ts"
import { slackMessage } from "../../../src/notifications/formats/slack.ts"
import { escapeForChat, textOf, noticeText } from "../../../src/notifications/formats/text.ts"
import { CHAT_ATTACKS } from "../chat-attacks.ts"
import { z } from "zod"
import { EVENTS } from "../../../src/core/policy/definition/receivers.ts"

const US = "https://authz.example"
const AT = Date.UTC(2026, 10, 26)
const MAKING: FormatContext = { issuer: US, secret: "https://chat.test/hook", signer: async () => null, now: AT }
const TASK = `tsk_01J8ABCDEFGHJKM${"0".repeat(21)}.1`
const APPROVAL = "apr_01J8ABCDEFGHJKMNPQRSTVWXYZ"

/** Everything that anybody could have written is the value. */
function callNotice(value: string): Notice {
  const data: PendingCall = {
    kind: "call",
    approval: APPROVAL,
    task: TASK,
    tool: value,
    agent: value,
    chain: [value],
    user: value,
    purpose: value,
    guardrail: value,
    name: value,
    rules: [value],
    need: 1,
    arguments: JSON.stringify({ [value]: value }),
    expiresAt: AT,
    answer: null,
  }
  return { id: "evt_1", type: "approval.asked", at: AT, decision: "dec_1", data }
}

function taskNotice(value: string): Notice {
  const answer = { approved: true, by: [value, value] }
  const told = { agent: value, user: value, purpose: value, scope: value, bindingMessage: value }
  const data: PendingTask = { kind: "task", task: TASK, expiresAt: AT, answer, ...told }
  return { id: "evt_1", type: "approval.answered", at: AT, decision: "dec_1", data }
}

const NOTICES: readonly (readonly [string, (value: string) => Notice])[] = [
  ["a question about a call", callNotice],
  ["an answer about a task", taskNotice],
  [
    "a task that was ended",
    (value) => ({
      ...callNotice(value),
      type: "task.revoked",
      data: {
        kind: "end",
        task: TASK,
        tasks: [TASK, value],
        agent: value,
        user: value,
        purpose: value,
        by: "operator",
        operator: value,
        code: value,
        guardrail: value,
      },
    }),
  ],
  [
    "a switch",
    (value) => ({
      ...callNotice(value),
      type: "switch.set",
      data: { kind: "switch", switch: "swi_1", stopped: { kind: "user", user: value }, before: null, operator: value },
    }),
  ],
]

/** What no code span holds, and what each holds. */
function partsOf(text: string): { readonly outside: readonly string[]; readonly inside: readonly string[] } {
  const parts = text.split("`")
  expect(parts.length % 2).toBe(1)
  return { outside: parts.filter((_, at) => at % 2 === 0), inside: parts.filter((_, at) => at % 2 === 1) }
}

const SHOWN = /^[^`<>&\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]+$/u

function expectHarmless(notice: (value: string) => Notice, value: string): void {
  const { outside, inside } = partsOf(textOf(noticeText(notice(value), US)))
  expect(outside).toEqual(partsOf(textOf(noticeText(notice("something"), US))).outside)
  for (const each of inside) expect(each).toMatch(SHOWN)
}

const MARKS = [
  "`",
  "<",
  ">",
  "&",
  "@",
  "#",
  "*",
  "_",
  "~",
  "[",
  "]",
  "(",
  ")",
  "!",
  "|",
  "\\",
  ":",
  "/",
  "\n",
  "\u2028",
]
const values = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(...MARKS, "http", "evil", " ") }),
)

describe.each(NOTICES)("%s, as people are told it", (_, notice) => {
  test.each(Object.entries(CHAT_ATTACKS))("has nothing of its own for a chat: %s", (_, value) => {
    expectHarmless(notice, value)
  })

  test("says outside its code spans the same, whatever anybody has written, and inside nothing that ends one", () => {
    fc.assert(fc.property(values, (value) => expectHarmless(notice, value)))
  })

  const element = z.union([
    z.strictObject({
      type: z.literal("text"),
      text: z.string(),
      style: z.strictObject({ code: z.literal(true) }).optional(),
    }),
    z.strictObject({ type: z.literal("link"), url: z.string(), text: z.string() }),
  ])
  const body = z.strictObject({
    text: z.string(),
    blocks: z.tuple([
      z.strictObject({
        type: z.literal("rich_text"),
        elements: z.tuple([z.strictObject({ type: z.literal("rich_text_section"), elements: z.array(element) })]),
      }),
    ]),
  })

  test("is in Slack's rich text plain text and at most our own link", () => {
    fc.assert(
      fc.property(values, (value) => {
        const message = slackMessage(notice(value), MAKING)
        if ("hindrance" in message) throw new Error(message.hindrance)
        const [{ elements: sections }] = body.parse(JSON.parse(message.body)).blocks
        for (const each of sections[0].elements) {
          if (each.type === "link")
            expect(each.url).toMatch(/^https:\/\/authz\.example\/console\/approvals\/tsk_[\w./-]+$/)
          else if (each.style) expect(each.text).toMatch(SHOWN)
          else expect(each.text).toMatch(/^\n?[A-Za-z .:]*$/)
        }
      }),
    )
  })
})

test("what people are told leads to the page of just this question", () => {
  expect(noticeText(callNotice("x"), US).url).toBe(`${US}/console/approvals/${TASK}/${APPROVAL}`)
  expect(noticeText(taskNotice("x"), US).url).toBe(`${US}/console/approvals/${TASK}`)
})

test("a long value is cut, and says so", () => {
  expect(escapeForChat("a".repeat(201))).toBe(`${"a".repeat(200)}…`)
  expect(escapeForChat("a".repeat(200))).toBe("a".repeat(200))
  expect(escapeForChat("")).toBe("-")
})

test.each(EVENTS)("%s has words of its own", (type) => {
  const isEnd = type.startsWith("task.")
  const data = NOTICES[isEnd ? 2 : type.startsWith("switch.") ? 3 : 0]?.[1]("x").data
  if (!data) throw new Error("no such notice")
  expect(noticeText({ ...callNotice("x"), type, data }, US).title).toMatch(/^[A-Z][a-z ]+\.$/)
})
