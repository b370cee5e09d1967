import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { DecisionRecord } from "../../src/audit/record.ts"
import { findRecords } from "../../src/audit/record-log.ts"
import { env } from "cloudflare:workers"
import { childForm, exchangeForm, openChild, openTask, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { askAs, callWith, keyOf, ORIGIN, type ClientRequest } from "../harness/gateways.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { bearerOf, complete } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(freshIsolate)

const JSON_TYPE = { "Content-Type": "application/json" }
const put = (body: object): Partial<ClientRequest> => ({
  method: "PUT",
  body: JSON.stringify(body),
  headers: JSON_TYPE,
})

const mail = (to: string): Partial<ClientRequest> => ({ ...put({ to, text: "confidential words" }), method: "POST" })

describe("the record keeps secrets", () => {
  test("what the catalog redacts is not told, only its hash; and no query is", async () => {
    const task = await openTask("first", { scope: "mail.send:write files.*:write files.*:read" })
    const sent = await callWith(task.token, "/mail", mail("a@example.org"))
    const record = await recordOf(sent.decision)
    expect(record.arguments).toEqual({ to: "a@example.org" })
    expect(record.arguments_hash).toMatch(/^[0-9a-f]{64}$/)
    const read = await callWith(task.token, "/files/a?secret=hunter2")
    const bounded = { file: { eq: "a" }, secret: { eq: "x" } }
    const details = [{ type: "narrowgate_call", tools: ["files.*"], actions: ["write"], arguments: bounded }]
    const other = await openTask("first", { authorization_details: JSON.stringify(details) })
    const broken = await callWith(other.token, "/files/a", put({ secret: "hunter2" }))
    expect(broken.code).toBe("insufficient_scope")
    expect((await recordOf(broken.decision)).arguments).toEqual({ secret: "[redacted]" })
    const texts = [record, await recordOf(read.decision), await recordOf(broken.decision)].map((each) =>
      JSON.stringify(each),
    )
    for (const text of texts) expect(text).not.toMatch(/hunter2|confidential words/)
  })

  test("of nothing that was presented: no token, proof or key is in any record", async () => {
    const holder = await newProofKey()
    const proofs = [await proofForToken(holder)]
    const bound = await openTask("first", {}, proofs[0])
    const root = await openTask("first")
    const form = await exchangeForm("second")
    const child = await openChild(root.token, "second")
    const operator = await bearerOf("operator")
    const secrets = [bound.token, root.token, child.token, operator, keyOf("envoy"), keyOf("caddy")]
    for (const value of Object.values(form))
      if (typeof value === "string" && value.startsWith("ey")) secrets.push(value)

    const ids: string[] = []
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, bound.token)
    proofs.push(proof)
    for (let index = 0; index < 2; index++) {
      const headers = { Authorization: `DPoP ${bound.token}`, DPoP: proof }
      ids.push((await askAs("envoy", { path: "/files/a", headers })).decision)
    }
    ids.push((await callWith(`${root.token}A`, "/files/a")).decision, (await callWith(child.token, "/mail")).decision)
    ids.push((await askAs("caddy", { path: "/files", headers: { Authorization: `Basic ${root.token}` } })).decision)
    const wrong = await postForm({ ...(await childForm(bound.token, "second")), client_id: "somebody" })
    const refusedForms = [wrong, await postForm({ ...form, subject_token: `${form["subject_token"]?.toString()}A` })]
    for (const { refused } of refusedForms) ids.push(refused?.decision_id ?? "")
    await complete(root.task, operator)
    ids.push((await callWith(root.token, "/files")).decision)

    const records: DecisionRecord[] = []
    for (const id of ids) records.push(await recordOf(id))
    expect(records).toHaveLength(8)
    const text = JSON.stringify([...records, ...(await findRecords(env, { limit: 1000 }))])
    for (const secret of [...secrets, ...proofs]) {
      expect(text).not.toContain(secret)
      // Nor a part of one that could be put together again, such as its signature.
      const signature = secret.split(".")[2]
      if (signature) expect(text).not.toContain(signature)
    }
  })
})
