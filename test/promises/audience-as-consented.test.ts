/**
 * A task's tokens are for no other audience than the one for which its user, or an agent without a user, opened it
 * (RFC 8707, section 2.2; docs/architecture.md#the-promises, 3). Each way to a token of an existing task is one row.
 */
import { decodeJwt } from "jose"
import { describe, expect, test } from "vitest"
import {
  AUDIENCE,
  childForm,
  exchangeForm,
  JWT_BEARER_GRANT,
  openChild,
  openTask,
  postForm,
  type Form,
  type TokenAnswer,
} from "../harness/agents.ts"
import { codeFor, provenAs, redeem, refreshBy } from "../harness/browser.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs } from "../harness/gateways.ts"
import { accessToken, agentId, idJag, idToken, IDP, US } from "../harness/issuers.ts"
import { manage } from "../harness/management.ts"
import { handoverOf, newProofKey, proofForToken } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

/** Of a gateway of the yard; `first`, `second` and `fourth` may have tokens for it. */
const OTHER = "https://elsewhere.test/"

yardForEach()

const seconds = (): number => Math.floor(Date.now() / 1000)
const login = async (ago: number): Promise<string> => idToken("alice", { claims: { auth_time: seconds() - ago } })
const old = async (): Promise<Form> => ({ subject_token: await login(1000) })

/** Asks once more, with a fresher session, for the token of a task. */
const joined = async (task: string, agent: string, audience: string): Promise<TokenAnswer> =>
  postForm({ ...(await exchangeForm(agent)), subject_token: await login(0), task, audience })

async function consentedElsewhere(): Promise<string> {
  const asked: Readonly<Record<string, string>> = {
    login_hint: `${IDP}|alice`,
    scope: "files.*:read",
    audience: AUDIENCE,
  }
  const body = new URLSearchParams(asked)
  for (const [name, value] of Object.entries(await provenAs("first"))) {
    if (typeof value === "string") body.set(name, value)
  }
  const response = await knock(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
  const { auth_req_id: id } = await response.json<{ auth_req_id: string }>()
  const bearer = `Bearer ${await accessToken("alice", "cli")}`
  await manage("POST", `/v1/approvals/${id.slice(0, id.indexOf("."))}`, bearer, {}, { decision: "approve" })
  return id
}

/** Prepares what one agent has of a task for AUDIENCE, and then asks for a token of it, or below it. */
const WAYS: Readonly<Record<string, () => Promise<(audience: string) => Promise<TokenAnswer>>>> = {
  "token exchange that joins a task with a fresher session": async () => {
    const { task } = await openTask("first", await old())
    return async (audience) => joined(task, "first", audience)
  },
  "token exchange by which a child's agent joins its task with a fresher session": async () => {
    const root = await openTask("first", await old())
    const child = await openChild(root.token, "second")
    return async (audience) => joined(child.task, "second", audience)
  },
  "an assertion (ID-JAG) that joins a task": async () => {
    const { task } = await openTask("first", await old())
    return async (audience) =>
      postForm({
        grant_type: JWT_BEARER_GRANT,
        assertion: await idJag("alice", { claims: { resource: audience } }),
        ...(await provenAs("first")),
        audience,
        task,
      })
  },
  "an assertion that joins a task which another assertion has opened": async () => {
    const claims = { auth_time: seconds() - 1000, resource: AUDIENCE }
    const opened = await postForm({
      grant_type: JWT_BEARER_GRANT,
      assertion: await idJag("alice", { claims }),
      ...(await provenAs("first")),
      audience: AUDIENCE,
    })
    const task = opened.issued?.task ?? ""
    return async (audience) => joined(task, "first", audience)
  },
  "token exchange that renews the token of a task": async () => {
    const { token } = await openTask("first")
    return async (audience) => postForm({ ...(await childForm(token, "first")), audience })
  },
  "token exchange that delegates to a child": async () => {
    const { token } = await openTask("first")
    return async (audience) => postForm({ ...(await childForm(token, "second")), audience })
  },
  "token exchange that delegates a bound task to a child": async () => {
    const [holder, child] = [await newProofKey(), await newProofKey()]
    const { token } = await openTask("first", {}, await proofForToken(holder))
    return async (audience) => {
      const handover = await handoverOf(holder, { agent: agentId("second"), jkt: child.jkt, token })
      const form = { ...(await childForm(token, "second")), handover, audience }
      return postForm(form, { DPoP: await proofForToken(child) })
    }
  },
  "token exchange that renews the token of a child": async () => {
    const { token } = await openChild((await openTask("first")).token, "second")
    return async (audience) => postForm({ ...(await childForm(token, "second")), audience })
  },
  "CIBA: the token that a person has consented to elsewhere": async () => {
    const auth_req_id = await consentedElsewhere()
    const grant_type = "urn:openid:params:grant-type:ciba"
    return async (audience) => postForm({ grant_type, auth_req_id, ...(await provenAs("first")), audience })
  },
  "an authorization code": async () => {
    const code = await codeFor()
    return async (resource) => redeem(code, { resource })
  },
  "a refresh token": async () => {
    const { issued } = await redeem(await codeFor())
    return async (resource) => refreshBy(issued?.refresh_token ?? "", { resource })
  },
  "token exchange that joins a task of an authorization code": async () => {
    const { issued } = await redeem(await codeFor())
    return async (audience) => joined(issued?.task ?? "", "first", audience)
  },
}

const calledAt = async (gateway: string, token: string): Promise<string> =>
  (await askAs(gateway, { path: "/files", headers: { Authorization: `Bearer ${token}` } })).code

describe("a task's token is issued only for an audience that the task was opened for", () => {
  test("the other audience is one that its agents may have, and that a task of its own may be opened for", async () => {
    for (const agent of ["first", "second"]) {
      const { token } = await openTask(agent, { audience: OTHER })
      expect(await calledAt("elsewhere", token)).toBe("ok")
    }
  })

  test.each(Object.entries(WAYS))("%s", async (_way, prepare) => {
    const ask = await prepare()
    const { refused, issued } = await ask(OTHER)
    expect([refused?.error, issued]).toEqual(["invalid_target", null])
    const denial = expect.objectContaining({ reason: "audience_differs", audience: OTHER })
    expect(await recordOf(refused?.decision_id ?? "")).toMatchObject({ code: "invalid_target", denial })
    // Nothing was used up by it, and the audience alone was wrong.
    const { issued: again, refused: why } = await ask(AUDIENCE)
    expect([why, decodeJwt(again?.access_token ?? "").aud]).toEqual([null, AUDIENCE])
    expect(await calledAt("elsewhere", again?.access_token ?? "")).not.toBe("ok")
  })
})
