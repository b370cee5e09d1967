/**
 * A request for the consent of somebody elsewhere waits in the ledger of its agent, and the task is in that person's.
 * Whoever has the id of the request reaches the task, and what the agent does for nobody is no part of either.
 */
import { exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { AUDIENCE, JWT_BEARER, openChild, postForm, type Form, type OpenTask } from "../harness/agents.ts"
import { person, questionIn } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { accessToken, IDP, svid, US } from "../harness/issuers.ts"
import { CONFIDENTIAL, read, send } from "../harness/labelled-calls.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

beforeEach(async () => {
  const body = await yard()
  const purposes = body.purposes.map((each) => (each.name === "work" ? { ...each, user: "optional" as const } : each))
  await publish({ ...body, purposes })
})

const alice = async (): Promise<string> => `Bearer ${await accessToken("alice", "cli")}`
const asked = z.object({ auth_req_id: z.string() })

async function assertion(): Promise<Form> {
  return { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER, audience: AUDIENCE }
}

async function forNobody(): Promise<OpenTask> {
  const { issued } = await postForm({ ...(await assertion()), grant_type: "client_credentials", purpose: "work" })
  return { token: issued?.access_token ?? "", task: issued?.task ?? "", scope: issued?.scope ?? "" }
}

/** @returns the id of the request, and that of the task while it waits */
async function ask(): Promise<{ readonly id: string; readonly task: string }> {
  const form = { ...(await assertion()), login_hint: `${IDP}|alice`, purpose: "work" }
  const body = new URLSearchParams(form)
  const response = await exports.default.fetch(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
  const { auth_req_id: id } = asked.parse(await response.json())
  return { id, task: id.slice(0, id.indexOf(".")) }
}

async function fetchTask({ id, task }: { readonly id: string; readonly task: string }): Promise<OpenTask> {
  await manage("POST", `/v1/approvals/${task}`, await alice(), {}, { decision: "approve" })
  const form = { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: id }
  const { issued } = await postForm({ ...form, ...(await assertion()) })
  return { token: issued?.access_token ?? "", task: issued?.task ?? "", scope: issued?.scope ?? "" }
}

/** @returns the task, and the id of the request from which it comes */
async function granted(): Promise<{ readonly task: OpenTask; readonly old: string }> {
  const request = await ask()
  return { task: await fetchTask(request), old: request.task }
}

const byOperator = async (path: string, body: object = {}) => manage("POST", path, await bearerOf("operator"), {}, body)
const statusOf = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files")).code

describe("by the id of a request that was granted", () => {
  test("labels are cleared of the task, on the record", async () => {
    const { task, old } = await granted()
    expect([await read(task), await send(task)]).toEqual(["ok", "policy_denied"])
    const { json, headers } = await byOperator(`/v1/tasks/${old}/labels/clear`)
    expect(json).toMatchObject({ cleared: [CONFIDENTIAL] })
    expect(await send(task)).toBe("ok")
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ task: task.task, labels: [CONFIDENTIAL], user: `${IDP}|alice` })
  })

  test("a risk counts for the task", async () => {
    const { task, old } = await granted()
    expect((await byOperator("/v1/risks", { task: old, level: 90 })).status).toBe(200)
    expect(await viewOf(task.task)).toMatchObject({ risk: 90 })
  })

  test("the task is quarantined and released", async () => {
    const { task, old } = await granted()
    expect((await byOperator(`/v1/tasks/${old}/quarantine`)).status).toBe(200)
    expect([await statusOf(task), await viewOf(task.task)]).toMatchObject(["invalid_token", { status: "quarantined" }])
    expect((await byOperator(`/v1/tasks/${old}/release`)).json).toMatchObject({ status: "active" })
    expect(await statusOf(task)).toBe("ok")
  })

  test("approvals of its calls are listed, shown and given", async () => {
    const { task, old } = await granted()
    const pay = async () =>
      callWith(task.token, "/till/shop", {
        method: "POST",
        body: JSON.stringify({ amount: 200 }),
        headers: { "Content-Type": "application/json" },
      })
    const approval = await questionIn(await pay())
    const ofFinance = await person("fiona", "finance")
    const listed = await manage("GET", `/v1/tasks/${old}/approvals`, await bearerOf("viewer"))
    expect(listed.json).toMatchObject({ approvals: [{ id: approval, task: task.task }] })
    const path = `/v1/tasks/${old}/approvals/${approval}`
    expect((await manage("GET", path, ofFinance)).json).toMatchObject({ id: approval, unanswerable: null })
    const { json, headers } = await manage("POST", path, ofFinance, {}, { approve: true })
    expect(json).toMatchObject({ status: "approved" })
    expect((await pay()).code).toBe("ok")
    expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({ task: task.task })
  })

  test("nothing below it is taken for it: there is such a sub-task, or there is none", async () => {
    const { task, old } = await granted()
    for (const step of ["complete", "quarantine", "release", "labels/clear"])
      expect([step, (await byOperator(`/v1/tasks/${old}.1/${step}`)).status]).toEqual([step, 404])
    expect((await byOperator("/v1/revocations", { task: `${old}.1` })).status).toBe(404)
    expect((await manage("GET", `/v1/tasks/${old}.1`, await bearerOf("viewer"))).status).toBe(404)
    expect(await statusOf(task)).toBe("ok")
    const child = await openChild(task.token, "second")
    const seen = await manage("GET", `/v1/tasks/${old}.1`, await bearerOf("viewer"))
    expect(seen.json).toMatchObject({ tasks: [{ id: child.task }] })
    expect((await byOperator(`/v1/tasks/${old}.1/complete`)).json).toMatchObject({ ended: [child.task] })
    expect([await statusOf(task), await statusOf(child)]).toEqual(["ok", "invalid_token"])
  })
})

describe("by the id of a request that waits", () => {
  test("no labels are cleared: least of all those of what its agent does for nobody", async () => {
    const alone = await forNobody()
    expect(await read(alone)).toBe("ok")
    const { task } = await ask()
    expect((await byOperator(`/v1/tasks/${task}/labels/clear`)).json).toMatchObject({ cleared: [] })
    expect([await send(alone), await send(await forNobody())]).toEqual(["policy_denied", "policy_denied"])
  })

  test("no risk is reported, and the operator learns that; nor is one withdrawn", async () => {
    const [alone, { task }] = [await forNobody(), await ask()]
    const refused = await byOperator("/v1/risks", { task, level: 90 })
    expect([refused.status, refused.headers.get("X-Narrowgate-Code")]).toEqual([409, "task_pending"])
    expect(await viewOf(alone.task)).toMatchObject({ risk: 0 })
    expect((await byOperator("/v1/risks", { task: alone.task, level: 40 })).status).toBe(200)
    expect((await byOperator("/v1/risks", { task, level: 0 })).status).toBe(409)
    expect(await viewOf(alone.task)).toMatchObject({ risk: 40 })
    await manage("POST", `/v1/approvals/${task}`, await alice(), {}, { decision: "reject" })
    expect((await byOperator("/v1/risks", { task, level: 90 })).status).toBe(404)
  })

  test("what its agent does for nobody is neither shown of it, nor decides about it", async () => {
    const alone = await forNobody()
    expect(await read(alone)).toBe("ok")
    expect((await byOperator("/v1/risks", { task: alone.task, level: 90 })).status).toBe(200)
    expect(await viewOf((await ask()).task)).toMatchObject({ status: "pending", carried: [], labels: [], risk: 0 })
    expect((await byOperator(`/v1/tasks/${alone.task}/quarantine`)).status).toBe(200)
    const request = await ask()
    expect(await statusOf(await fetchTask(request))).toBe("ok")
    const again = { ...(await assertion()), grant_type: "client_credentials", purpose: "work" }
    expect((await postForm(again)).refused).toMatchObject({ error: "access_denied" })
  })
})
