/**
 * A person consents to what a page has shown them, and to nothing else: an answer is about the request of its page, the
 * audience included, and one page opens one task, however often it is answered.
 */
import { listDurableObjectIds, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { postForm, type Form } from "../harness/agents.ts"
import { allow, answer, formOf, provenAs, query, redeem, sentTo, shown, signedIn, visit } from "../harness/browser.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { accessToken, agentId, IDP, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"

const OTHER = "https://elsewhere.test/"
const CHANGED = "has changed since you opened this page"
const ANSWERED = "You have already answered this page"

yardForEach()

/** The ids of all root tasks. */
async function trees(): Promise<readonly string[]> {
  const found = await Promise.all(
    (await listDurableObjectIds(env.LEDGER)).map(async (id) =>
      runInDurableObject(env.LEDGER.get(id), (_ledger, { storage: { sql } }) =>
        sql.exec("SELECT name FROM sqlite_master WHERE name = 'trees'").toArray().length === 0
          ? []
          : sql.exec<{ root: string }>("SELECT root FROM trees").toArray(),
      ),
    ),
  )
  return found.flat().map(({ root }) => root)
}

async function yes(search: string, alice: Awaited<ReturnType<typeof signedIn>>): Promise<URLSearchParams> {
  const form = await formOf(search, alice)
  form.set("decision", "allow")
  return form
}

const codeOf = (response: Response): string | null => sentTo(response).searchParams.get("code")

describe("the page", () => {
  test("says where the program may work, and opens tokens for that audience alone", async () => {
    const alice = await signedIn()
    for (const resource of ["https://api.test/", OTHER]) {
      const { html } = await shown(await visit(query({ resource }), alice))
      expect(html.replaceAll(/<[^>]*>/g, "").replaceAll(/\s+/g, " ")).toContain(`${resource} only.`)
    }
  })

  /** What a request may have otherwise than the one whose page is answered. */
  const OTHERWISE: Readonly<Record<string, Form>> = {
    audience: { resource: OTHER },
    scope: { scope: "files.*:read" },
    purpose: { purpose: "errand", scope: undefined },
    "redirect URI": { redirect_uri: "http://127.0.0.1/callback" },
    "challenge of the verifier": { code_challenge: "A".repeat(43) },
    key: { dpop_jkt: "A".repeat(43) },
    state: { state: "another" },
  }
  test.each(Object.entries(OTHERWISE))("is no answer to a request with another %s", async (_what, more) => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    const said = await answer(query(more), alice, form)
    expect([said.status, said.headers.get("location")]).toEqual([200, null])
    expect(await said.text()).toContain(CHANGED)
    expect(codeOf(await answer(query(), alice, form))).not.toBeNull()
    expect(codeOf(await allow(query(more), alice))).not.toBeNull()
  })

  test("is no answer once the registry gives its request another audience", async () => {
    const body = await yard()
    const only = (audience: string) =>
      body.agents.map((agent) => (agent.id === agentId("first") ? { ...agent, audiences: [audience] } : agent))
    await publish({ ...body, agents: only("https://api.test/") }, 2)
    forgetCaches()
    const search = query({ resource: undefined })
    const alice = await signedIn()
    const form = await yes(search, alice)
    await publish({ ...body, agents: only(OTHER) }, 3)
    forgetCaches()
    expect(await (await answer(search, alice, form)).text()).toContain(CHANGED)
  })

  test("is no answer of another person, nor of another session of the same one", async () => {
    const form = await yes(query(), await signedIn())
    for (const other of [await signedIn(), await signedIn("bob")]) {
      form.set("csrf", other.csrf)
      const said = await answer(query(), other, form)
      expect(codeOf(said)).toBeNull()
      expect(await said.text()).toContain(CHANGED)
    }
  })

  test("names no task but the one that it was shown for", async () => {
    const alice = await signedIn()
    const [one, two] = [await yes(query(), alice), await yes(query(), alice)]
    const [page = ""] = (two.get("shown") ?? "").split(".")
    for (const forged of [page, "", "tsk_01", page.replace("tsk_0", "tsk_7")]) {
      const form = new URLSearchParams(one)
      form.set("shown", (one.get("shown") ?? "").replace(/^[^.]*/, forged))
      expect(await (await answer(query(), alice, form)).text()).toContain(CHANGED)
    }
    expect(await trees()).toEqual([])
  })

  test.each(["decision", "calls", "life", "shown"])("is not answered in two ways: %s comes once", async (name) => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    form.append(name, form.get(name) ?? "")
    const said = await answer(query(), alice, form)
    expect([said.status, codeOf(said)]).toEqual([403, null])
  })
})

describe("one page opens one task", () => {
  test("the same answer, as of a second click, has the same code until that is used", async () => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    const clicks = await Promise.all([1, 2, 3].map(async () => answer(query(), alice, form)))
    const codes = new Set(clicks.map(codeOf))
    expect(codes.size).toBe(1)
    await killObjects()
    const [code] = [...codes]
    expect(codeOf(await answer(query(), alice, form))).toBe(code)
    expect(await trees()).toHaveLength(1)
    expect((await redeem(code ?? "")).status).toBe(200)
  })

  test("after that, as by the way back in the browser, it is shown anew, and the task goes on", async () => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    const { issued } = await redeem(codeOf(await answer(query(), alice, form)) ?? "")
    for (const decision of ["allow", "refuse"]) {
      form.set("decision", decision)
      const again = await answer(query(), alice, form)
      expect([again.status, again.headers.get("location")]).toEqual([200, null])
      expect(await again.text()).toContain(ANSWERED)
    }
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    expect(await trees()).toHaveLength(1)
    // What is shown anew is a page of its own.
    expect((await redeem(codeOf(await allow(query(), alice)) ?? "")).status).toBe(200)
    expect(await trees()).toHaveLength(2)
  })

  test("another answer of the same page opens nothing, before the code is used and after its task has ended", async () => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    const code = codeOf(await answer(query(), alice, form)) ?? ""
    const less = new URLSearchParams(form)
    less.set("calls", "1")
    expect(await (await answer(query(), alice, less)).text()).toContain(ANSWERED)
    const { issued } = await redeem(code)
    const task = issued?.task ?? ""
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { task })
    for (const each of [form, less]) {
      expect(await (await answer(query(), alice, each)).text()).toContain(ANSWERED)
    }
    expect((await viewOf(task)).status).toBe("revoked")
    expect(await trees()).toHaveLength(1)
  })

  test("of different answers of one page at once, one opens a task", async () => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    const answers = ["1", "5", "10", "25"].map(async (calls) => {
      const each = new URLSearchParams(form)
      each.set("calls", calls)
      return codeOf(await answer(query(), alice, each))
    })
    expect((await Promise.all(answers)).filter((code) => code !== null)).toHaveLength(1)
    expect(await trees()).toHaveLength(1)
  })

  test("a page that was refused can still be allowed, once", async () => {
    const alice = await signedIn()
    const form = await yes(query(), alice)
    form.set("decision", "refuse")
    expect(sentTo(await answer(query(), alice, form)).searchParams.get("error")).toBe("access_denied")
    form.set("decision", "allow")
    expect(codeOf(await answer(query(), alice, form))).not.toBeNull()
    expect(await trees()).toHaveLength(1)
  })

  test("a second answer takes no place among the trees that the agent may have for the person", async () => {
    const body = await yard()
    const agents = body.agents.map((agent) =>
      agent.id === agentId("first") ? { ...agent, trees: { live: 2, per_minute: 2 } } : agent,
    )
    await publish({ ...body, agents }, 2)
    forgetCaches()
    const alice = await signedIn()
    const form = await yes(query(), alice)
    const { issued } = await redeem(codeOf(await answer(query(), alice, form)) ?? "")
    for (let at = 0; at < 4; at++) expect(await (await answer(query(), alice, form)).text()).toContain(ANSWERED)
    expect(codeOf(await allow(query(), alice))).not.toBeNull()
    // The first one's place was not given away by what came after it.
    expect(sentTo(await allow(query(), alice)).searchParams.has("code")).toBe(false)
    expect((await viewOf(issued?.task ?? "")).status).toBe("active")
  })
})

describe("consent while the person is elsewhere", () => {
  async function asked(audience: string): Promise<string> {
    const wanted = { login_hint: `${IDP}|alice`, scope: "files.*:read", audience }
    const body = new URLSearchParams(wanted)
    for (const [name, value] of Object.entries(await provenAs("first"))) {
      if (typeof value === "string") body.set(name, value)
    }
    const response = await knock(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
    return (await response.json<{ auth_req_id: string }>()).auth_req_id
  }

  test("says where the agent may work, in the API, in the list and on the page, and is answered once", async () => {
    const id = await asked(OTHER)
    const task = id.slice(0, id.indexOf("."))
    const bearer = `Bearer ${await accessToken("alice", "cli")}`
    expect((await manage("GET", `/v1/approvals/${task}`, bearer)).json).toMatchObject({ audience: OTHER })
    const alice = await visitorAs("alice")
    for (const path of ["/console/approvals", `/console/approvals/${task}`]) {
      const html = await (await alice.get(path)).text()
      expect(html.replaceAll(/<[^>]*>/g, "").replaceAll(/\s+/g, " "), path).toContain(`${OTHER} only`)
    }
    const said = async (decision: string) => (await alice.post(`/console/approvals/${task}`, { decision })).status
    expect([await said("approve"), await said("approve"), await said("reject")]).toEqual([303, 404, 404])
    const grant_type = "urn:openid:params:grant-type:ciba"
    const { issued } = await postForm({ grant_type, auth_req_id: id, ...(await provenAs("first")) })
    expect(issued?.task?.slice(0, 19)).toBe(task.slice(0, 19))
    // The request in its ledger, and the task in the ledger of its person.
    expect(await trees()).toHaveLength(2)
  })
})
