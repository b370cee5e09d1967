/** What the Worker makes of the receivers' secrets: what it cannot read is none, and nothing else suffers for it. */
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { configOf } from "../../src/platform/config.ts"
import type { FormatContext } from "../../src/notifications/formats/message.ts"
import type { Notice } from "../../src/core/notices/notice.ts"
import { standardMessage } from "../../src/notifications/formats/standard.ts"
import { DESK } from "../harness/receivers.ts"

const config = (text: string) => {
  const bound = { ...env, WEBHOOK_SECRETS: text }
  return configOf(bound)
}

describe("WEBHOOK_SECRETS", () => {
  test("is read by the receiver's id", () => {
    expect(config('{"desk":"whsec_x","__proto__":"y"}').webhookSecrets.get("desk")).toBe("whsec_x")
    expect(config("{}").webhookSecrets.get("constructor")).toBeUndefined()
  })

  test.each(["", "no JSON", "[]", "null", '"whsec_x"', '{"desk":["whsec_x"]}', '{"desk":""}'])(
    "that is %j is as if it were not there",
    (text) => {
      const read = config(text)
      expect(read.webhookSecrets.size).toBe(0)
      expect(read.issuer).toBe("https://authz.example")
    },
  )
})

describe("the secret of a webhook", () => {
  const notice: Notice = {
    id: "evt_1",
    type: "switch.set",
    at: 0,
    decision: "dec_1",
    data: { kind: "switch", switch: "swi_1", stopped: { kind: "everything" }, before: null, operator: null },
  }
  const made = (secret: string | null) => {
    const making: FormatContext = { issuer: "https://authz.example", secret, signer: async () => null, now: 0 }
    if (DESK.format !== "standard") throw new Error("the desk has another format")
    return standardMessage(DESK, notice, making)
  }
  const key = (bytes: number): string => `whsec_${btoa("k".repeat(bytes))}`

  test.each([24, 32, 64])("may have %i bytes", (bytes) => {
    expect(made(key(bytes))).toMatchObject({ headers: { "webhook-signature": expect.stringMatching(/^v1,[^ ]+$/) } })
  })

  test("may be several, each of which signs", () => {
    const message = made(`${key(24)} ${key(32)}`)
    if ("hindrance" in message) throw new Error(message.hindrance)
    const signatures = message.headers["webhook-signature"]?.split(" ") ?? []
    expect(new Set(signatures).size).toBe(2)
  })

  test.each<readonly [string, string]>([
    ["too short", key(23)],
    ["too long", key(65)],
    ["without its prefix", btoa("k".repeat(32))],
    ["of another kind", `whsk_${btoa("k".repeat(32))}`],
    ["in base64url", "whsec_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_"],
    ["cut", key(32).slice(0, -1)],
    ["empty", ""],
    ["one good, one not", `${key(32)} whsec_x`],
    ["five", Array.from({ length: 5 }, () => key(32)).join(" ")],
    ["an address", "https://desk.test/"],
  ])("is none where it is %s", (_, secret) => {
    expect(made(secret)).toEqual({ hindrance: "secret_malformed" })
  })

  test("that is missing makes no message", () => {
    expect(made(null)).toEqual({ hindrance: "secret_missing" })
  })
})
