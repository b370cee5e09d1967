/** Every page stays below 100 KB and is text, whatever stands in records, bundles and switches. */
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { ulid } from "ulid"
import { batchOf, recordOf, storedForm } from "../../src/core/record/record.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { logShard } from "../../src/audit/record-logs.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish, signed, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { shortOrLong } from "../harness/runs.ts"

const MAX_BYTES = 100_000
/** What takes most when it is escaped, what could begin a tag, and what nobody sees. */
const HOSTILE = `"><script>alert(1)</script>&'\u202E\u200B`
const long = (length: number): string => HOSTILE.repeat(Math.ceil(length / HOSTILE.length)).slice(0, length)

yardForEach()

async function pageOf(path: string, status = 200): Promise<string> {
  const answer = await (await visitorAs("operator")).get(path)
  expect(answer.status, path.slice(0, 60)).toBe(status)
  const text = await answer.text()
  const name = path.slice(0, 60)
  expect(new TextEncoder().encode(text).byteLength, name).toBeLessThan(MAX_BYTES)
  expect(text.includes("<script>"), name).toBe(false)
  // What somebody has written into a field stands in it as they wrote it.
  expect(/[\u202E\u200B]/.test(text.replaceAll(/ value="[^"]*"/g, "")), name).toBe(false)
  return text
}

const EACH = {
  purpose: long(500),
  groups: Array.from({ length: 40 }, () => long(300)),
  rules: Array.from({ length: 40 }, () => long(300)),
  arguments: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`${n}${long(100)}`, long(500)])),
  labels: Array.from({ length: 40 }, () => long(300)),
}

/** @returns their ids, the oldest first */
async function keepRecords(count: number, differs = false): Promise<readonly string[]> {
  const records = Array.from({ length: count }, (_, index) => {
    const at = Date.now() - count + index
    const denial = { reason: "tool_unknown", called: long(600) } as const
    const candidate = {
      bundle: { seq: 2, digest: "0".repeat(64) },
      differs: { decision: "deny", code: long(300), denial, principal: null, rules: [long(300)], scope: long(300) },
    } as const
    return recordOf({
      id: `dec_${ulid(at)}`,
      at,
      kind: "call",
      code: long(300),
      denial,
      chain: [agentId("second"), agentId("first")],
      user: `https://idp.test|${long(500)}`,
      path: long(2_000),
      tool: index % 2 === 0 ? null : `t${index}.${long(200)}`,
      task: long(200),
      ...EACH,
      ...(differs && { candidate }),
    })
  })
  const batch = records.map(storedForm)
  for (let from = 0; from < batch.length; from += 20) {
    const part = batch.slice(from, from + 20)
    expect(await logShard(env, "any").append(part.length, batchOf(part))).toBe("kept")
  }
  return records.map(({ id }) => id)
}

describe("a page stays a page", () => {
  test("of decisions, with records of whatever callers send", async () => {
    const [id = ""] = await keepRecords(shortOrLong(150, 300), true)
    expect((await pageOf("/console/live")).includes("\\u{202E}")).toBe(true)
    await pageOf(
      `/console/live?${new URLSearchParams({ tool: long(200), agent: long(2_000), code: long(60) }).toString()}`,
    )
    expect((await pageOf(`/console/decisions/${id}`)).includes(">Record<")).toBe(true)
    await pageOf("/console/policies/shadow")
    await pageOf(`/console/decisions/${encodeURIComponent(long(60))}`, 404)
  })

  test("of agents, of which one has called hundreds of tools", async () => {
    await keepRecords(shortOrLong(300, 1_000))
    await pageOf("/console/agents")
    await pageOf(`/console/agents/agent?id=${encodeURIComponent(agentId("first"))}`)
    await pageOf(`/console/agents/agent?id=${encodeURIComponent(long(900))}`, 404)
  })

  test("of bundles, with thousands of changes", async () => {
    const body = await yard()
    const forbid = (id: string) => ({
      id,
      policy: {
        effect: "forbid",
        principal: { op: "All" },
        action: { op: "All" },
        resource: { op: "All" },
        conditions: [{ kind: "when", body: { "==": { left: { Value: long(900) }, right: { Value: id } } } }],
      },
      reads: [],
    })
    const many: BundleBody = {
      ...body,
      rules: [...body.rules, ...Array.from({ length: 2_000 }, (_, n) => forbid(`r${n} ${long(300)}`))],
    }
    const { pointer, entries } = await signed(many, 2)
    for (const [key, value] of entries) if (key.startsWith("body/")) await env.BUNDLES.put(key, value)
    const live = await publish(body)
    const path = `/console/policies/${pointer.digest}?against=${live.digest}`
    expect((await pageOf(path)).includes("2000 rules added")).toBe(true)
    expect((await pageOf(`${path}&from=1990`)).includes(">First<")).toBe(true)
    await pageOf(`/console/policies/${pointer.digest}?against=${"f".repeat(64)}`)
    await pageOf("/console/policies")
    await pageOf(`/console/policies/${long(64).replaceAll("/", "")}`.replaceAll(/[^\w/-]/g, "x"), 404)
  })

  test("of an explanation, with hundreds of rules about one tool", async () => {
    const body = await yard()
    const permit = (n: number) => ({
      id: `r${n} ${long(300)}`,
      policy: {
        effect: "permit",
        principal: { op: "All" },
        action: { op: "All" },
        resource: { op: "==", entity: { type: "Tool", id: "files.read" } },
        conditions: [{ kind: "when", body: { "==": { left: { Value: long(3_000) }, right: { Value: long(3_000) } } } }],
      },
      reads: [],
    })
    await publish({ ...body, rules: [...body.rules, ...Array.from({ length: 400 }, (_, n) => permit(n))] }, 2)
    forgetCaches()
    const operator = await visitorAs("operator")
    const fields = {
      agent: agentId("first"),
      tool: "files.read",
      user: "https://idp.test|a",
      groups: "staff",
      arguments: JSON.stringify({ [long(100)]: long(2_000) }),
    }
    const answer = await operator.post("/console/policies/explain", fields)
    expect(answer.status).toBe(200)
    const text = await answer.text()
    expect(text.includes("Would be allowed")).toBe(true)
    expect(new TextEncoder().encode(text).byteLength).toBeLessThan(MAX_BYTES)
    expect(text.includes("<script>")).toBe(false)
  })

  test("of switches, of which there are hundreds", async () => {
    for (let n = 0; n < 200; n++) {
      const stopped = { kind: "agent", agent: `${n}${long(2_000)}` } as const
      await switchboard(env).set(
        { id: `swi_${n}`, stopped, before: null },
        { decision: "dec_1", operator: long(300), reason: long(1_000) },
      )
    }
    expect((await pageOf("/console/stop")).includes("200 suspensions now")).toBe(true)
    await pageOf("/console/stop/lift?id=swi_7")
    await pageOf(
      `/console/stop/confirm?${new URLSearchParams({ kind: "agent", name: long(2_000), reason: long(1_000) }).toString()}`,
    )
  })
})
