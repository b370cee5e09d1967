/** The pages of approvals do what the API lets their reader do, and show whatever callers wrote as text. */
import { env, exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { AUDIENCE, JWT_BEARER, openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { visitorAs, type Visitor } from "../harness/browsing.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { accessToken, idToken, IDP, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { recordOf, recordsOf } from "../harness/records.ts"

beforeEach(async () => {
  const body = await yard()
  const once = { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 } as const
  await publish({ ...body, guardrails: [...body.guardrails, window(once, { consequence: "approve" })] })
})
freshIsolateForEach()

const JSON_BODY = { "Content-Type": "application/json" }
const write = async (token: string, values: object) =>
  callWith(token, "/files/a", { method: "PUT", body: JSON.stringify(values), headers: JSON_BODY })
const pay = async (token: string, values: object) =>
  callWith(token, "/till/shop", { method: "POST", body: JSON.stringify(values), headers: JSON_BODY })

interface Question {
  readonly token: string
  readonly page: string
  readonly api: string
}

async function questionOf(task: string, token: string, decision: string): Promise<Question> {
  const { denial } = await recordOf(decision)
  const { approval } = z.object({ approval: z.string() }).parse(denial)
  return { token, page: `/console/approvals/${task}/${approval}`, api: `/v1/tasks/${task}/approvals/${approval}` }
}

/** Of operators: alice's agent writes for the second time. */
async function asked(values: object = { text: "two" }): Promise<Question> {
  const { token, task } = await openTask("first")
  await write(token, { text: "one" })
  return questionOf(task, token, (await write(token, values)).decision)
}

/** Of two of the treasury, who are alice and its members. */
async function askedTreasury(): Promise<Question> {
  const { token, task } = await openTask("first")
  const first = await questionOf(task, token, (await pay(token, { amount: 2_000 })).decision)
  await (await visitorAs("fay")).post(first.page, { decision: "approve" })
  return questionOf(task, token, (await pay(token, { amount: 2_000 })).decision)
}

const statusOf = async ({ api }: Question) => {
  const { json } = await manage("GET", api, await bearerOf("operator"))
  return z.looseObject({ status: z.string(), uses: z.number(), votes: z.array(z.unknown()) }).parse(json)
}
const textOf = async (visitor: Visitor, path: string): Promise<string> => (await visitor.get(path)).text()

describe("a call's page", () => {
  test("takes a yes for so many calls, with a reason, and shows who said it", async () => {
    const question = await asked()
    const approver = await visitorAs("approver")
    const answer = await approver.post(question.page, { decision: "approve", uses: "2", reason: "as agreed" })
    expect([answer.status, answer.headers.get("location")]).toEqual([303, question.page])
    expect(await statusOf(question)).toMatchObject({
      status: "approved",
      uses: 2,
      votes: [{ by: `${IDP}|approver`, approved: true, reason: "as agreed" }],
    })
    const page = await textOf(approver, question.page)
    expect(page).toContain("This approval has been answered.")
    expect(page).toContain("as agreed")
    expect(page).not.toContain("Approve this call")
    expect((await write(question.token, { text: "two" })).code).toBe("ok")
  })

  test("takes a yes that names no number for one call, whatever approvers.yaml allows at most", async () => {
    const question = await askedTreasury()
    for (const subject of ["tess", "tom"]) {
      const one = await visitorAs(subject, { claims: { groups: ["treasury"] } })
      await one.post(question.page, { decision: "approve" })
    }
    expect(await statusOf(question)).toMatchObject({ status: "approved", uses: 1, most_uses: 3 })
  })

  test("takes a no", async () => {
    const question = await asked()
    await (await visitorAs("operator")).post(question.page, { decision: "reject", reason: "not twice" })
    expect(await statusOf(question)).toMatchObject({ status: "rejected", votes: [{ reason: "not twice" }] })
  })

  test("takes nothing that is neither, nor more calls than there may be", async () => {
    const question = await asked()
    const approver = await visitorAs("approver")
    for (const fields of [
      {},
      { decision: "yes" },
      { decision: ["approve", "reject"] },
      { decision: "approve", uses: "101" },
      { decision: "approve", uses: "0" },
      { decision: "approve", uses: "1.5" },
      { decision: "approve", uses: "many" },
    ]) {
      const answer = await approver.post(question.page, fields)
      expect([fields, answer.status]).toEqual([fields, 400])
    }
    expect(await statusOf(question)).toMatchObject({ status: "pending", votes: [] })
  })

  const ATTACKS: Readonly<
    Record<string, (other: Visitor) => readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>]>
  > = {
    "from another origin": () => [{}, { origin: "https://evil.example" }],
    "from elsewhere, as the browser says": () => [{}, { "sec-fetch-site": "cross-site" }],
    "without what the page was given": () => [{ csrf: "" }, {}],
    "with that of another session": ({ csrf }) => [{ csrf }, {}],
  }
  test.for(Object.entries(ATTACKS))("takes no form %s", async ([, attack]) => {
    const question = await asked()
    const [fields, headers] = attack(await visitorAs("operator"))
    const answer = await (await visitorAs("approver")).post(question.page, { decision: "approve", ...fields }, headers)
    expect(answer.status).toBe(403)
    expect(await statusOf(question)).toMatchObject({ status: "pending", votes: [] })
  })

  test("takes no form of whoever is not signed in, who signs in and comes back", async () => {
    const question = await asked()
    const visitor = await visitorAs("approver")
    const answer = await visitor.post(question.page, { decision: "approve" }, { cookie: "" })
    const back = encodeURIComponent(question.page)
    expect([answer.status, answer.headers.get("location")]).toEqual([303, `/sign-in?return=${back}`])
    expect(await statusOf(question)).toMatchObject({ status: "pending" })
  })

  test("shows a viewer the call and no form; and takes no answer of theirs", async () => {
    const question = await asked()
    const viewer = await visitorAs("viewer")
    const page = await textOf(viewer, question.page)
    expect(page).toContain("files.write")
    expect(page).toContain("Operators with the role approver answer this.")
    expect(page).not.toContain('<form method="post" action="/console')
    const answer = await viewer.post(question.page, { decision: "approve" })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain("Your answer was not recorded.")
    expect(await statusOf(question)).toMatchObject({ status: "pending", votes: [] })
  })

  test("is of no use to strangers, to the task's own user, and to agents' sessions", async () => {
    const question = await asked()
    for (const subject of ["alice", "bob"]) {
      const visitor = await visitorAs(subject)
      expect((await visitor.get(question.page)).status).toBe(404)
      expect((await visitor.post(question.page, { decision: "approve" })).status).toBe(404)
    }
    expect(await statusOf(question)).toMatchObject({ status: "pending", votes: [] })
  })

  test("tells an operator whose own task it is", async () => {
    const { token, task } = await openTask("first", { subject_token: await idToken("operator") })
    await write(token, { text: "one" })
    const question = await questionOf(task, token, (await write(token, { text: "two" })).decision)
    const operator = await visitorAs("operator")
    expect(await textOf(operator, question.page)).toContain("You cannot approve a call made on your behalf.")
    const answer = await operator.post(question.page, { decision: "approve" })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain("You cannot approve a call made on your behalf.")
    expect(await statusOf(question)).toMatchObject({ status: "pending", votes: [] })
  })

  test("tells who has answered that others are waited for, and who is late that it is answered", async () => {
    const question = await askedTreasury()
    const [tess, tom, tim] = await Promise.all(
      ["tess", "tom", "tim"].map(async (subject) => visitorAs(subject, { claims: { groups: ["treasury"] } })),
    )
    if (!tess || !tom || !tim) throw new Error("nobody")
    expect(await textOf(tess, question.page)).toContain("0 of 2 approvals")
    await tess.post(question.page, { decision: "approve", uses: "3" })
    const again = await tess.post(question.page, { decision: "approve" })
    expect([again.status, await again.text()]).toEqual([404, expect.stringContaining("You have answered.")])
    await tom.post(question.page, { decision: "approve", uses: "2" })
    const late = await tim.post(question.page, { decision: "reject" })
    expect([late.status, await late.text()]).toEqual([404, expect.stringContaining("Another approver has answered.")])
    expect(await statusOf(question)).toMatchObject({ status: "approved", uses: 2 })
  })

  test("tells that it is over once the task is, and that a frozen one waits", async () => {
    const question = await asked()
    const task = question.page.split("/")[3] ?? ""
    const approver = await visitorAs("approver")
    await manage("POST", `/v1/tasks/${task}/quarantine`, await bearerOf("operator"))
    expect(await textOf(approver, question.page)).toContain("The task is quarantined.")
    await manage("POST", `/v1/tasks/${task}/complete`, await bearerOf("operator"))
    expect(await textOf(approver, question.page)).toContain("it has expired")
    const late = await approver.post(question.page, { decision: "approve" })
    expect([late.status, await late.text()]).toEqual([404, expect.stringContaining("the approval has expired")])
  })

  test("shows what a caller wrote as text, whatever it is", async () => {
    const hostile = {
      "</pre><script>alert(1)</script>": '"><img src=x onerror=alert(1)>',
      text: "\u202Egpj.exe\u200B",
      secret: "s3cret",
    }
    const question = await asked(hostile)
    const page = await textOf(await visitorAs("approver"), question.page)
    expect(page).not.toContain("<script")
    expect(page).not.toContain("<img")
    expect(page).not.toContain("s3cret")
    expect(page).toContain('<span class="escaped">\\u{202E}</span>gpj.exe<span class="escaped">\\u{200B}</span>')
    expect(page).toContain('<span class="redacted">')
  })

  test("is no larger than a page may be, and shows all there is in parts", async () => {
    const question = await asked({ text: "a\u200B<".repeat(4_000) })
    const approver = await visitorAs("approver")
    const first = await textOf(approver, question.page)
    expect(new TextEncoder().encode(first).byteLength).toBeLessThan(100_000)
    const parts = Number(/This is part 1 of (\d+)/.exec(first)?.[1])
    expect(parts).toBeGreaterThan(1)
    let seen = 0
    for (let part = 1; part <= parts; part++) {
      const page = await textOf(approver, `${question.page}?part=${part}`)
      expect(new TextEncoder().encode(page).byteLength).toBeLessThan(100_000)
      const [json = ""] = /<pre class="json".*?<\/pre>/s.exec(page) ?? []
      seen += json.match(/\\u\{200B\}/g)?.length ?? 0
    }
    expect(seen).toBe(4_000)
  })

  test("says that there is nothing where there is nothing, whatever the address", async () => {
    const approver = await visitorAs("approver")
    for (const path of ["tsk_1/apr_1", "tsk_01JZ0000000000000000000000/apr_01JZ0000000000000000000000", "..%2f/%00"]) {
      expect([path, (await approver.get(`/console/approvals/${path}`)).status]).toEqual([path, 404])
    }
  })
})

async function askConsent(user = "alice", more: Readonly<Record<string, string>> = {}) {
  const proof = { client_assertion_type: JWT_BEARER, client_assertion: await svid("first"), audience: AUDIENCE }
  const form = { ...proof, login_hint: `${IDP}|${user}`, scope: "files.*:read safe.burn:execute", ...more }
  const init = { method: "POST", body: new URLSearchParams(form) }
  const answer: unknown = await (await exports.default.fetch(new Request(`${US}/oauth/bc-authorize`, init))).json()
  const { auth_req_id: id } = z.object({ auth_req_id: z.string() }).parse(answer)
  const task = id.slice(0, id.indexOf("."))
  return { id, task, page: `/console/approvals/${task}` }
}

describe("a task's page", () => {
  test("shows its person what it would be, takes their word, and shows it afterwards", async () => {
    const { page } = await askConsent("alice", { binding_message: "Burn <b>it</b>" })
    const alice = await visitorAs("alice")
    const shown = await textOf(alice, page)
    expect(shown).toContain("Burn &lt;b&gt;it&lt;/b&gt;")
    expect(shown).toContain("safe.burn")
    const answer = await alice.post(page, { decision: "approve" })
    expect([answer.status, answer.headers.get("location")]).toEqual([303, page])
    expect(await textOf(alice, page)).toContain("Approved. The agent can start the task.")
    const late = await alice.post(page, { decision: "reject" })
    expect([late.status, await late.text()]).toEqual([404, expect.stringContaining("you have answered before")])
    // It waits in no list any more.
    expect((await manage("GET", "/v1/approvals", `Bearer ${await accessToken("alice", "cli")}`)).json).toEqual({
      approvals: [],
    })
  })

  test("says its bounds in words, and what the agent wrote in them as text", async () => {
    const tools = { type: "narrowgate_call", tools: ["files.*"], actions: ["read"] }
    const bounds = { file: { path: ["/srv/reports", "/srv/<b>x</b>, and any other"], max_length: 90 } }
    const details = JSON.stringify([{ ...tools, arguments: bounds }])
    const { page } = await askConsent("alice", { scope: "", authorization_details: details })
    expect(await textOf(await visitorAs("alice"), page)).toContain(
      "file is no longer than 90; file is a path in one of /srv/reports, &quot;/srv/&lt;b&gt;x&lt;/b&gt;, and any other&quot;",
    )
  })

  test("takes a no, and nothing begins", async () => {
    const { page, task } = await askConsent()
    const alice = await visitorAs("alice")
    await alice.post(page, { decision: "reject" })
    expect(await textOf(alice, page)).toContain("Rejected. The task does not start.")
    expect((await viewOf(task)).status).toBe("revoked")
  })

  test("is nobody else's, an operator's neither, and takes no form from elsewhere", async () => {
    const { page, task } = await askConsent()
    for (const subject of ["bob", "operator"]) {
      const visitor = await visitorAs(subject)
      expect((await visitor.get(page)).status).toBe(404)
      expect((await visitor.post(page, { decision: "approve" })).status).toBe(404)
    }
    const alice = await visitorAs("alice")
    expect((await alice.post(page, { decision: "approve" }, { origin: "https://evil.example" })).status).toBe(403)
    expect((await alice.post(page, { decision: "approve", csrf: "" })).status).toBe(403)
    expect((await alice.post(page, { decision: "perhaps" })).status).toBe(400)
    expect((await viewOf(task)).status).toBe("pending")
    expect(await textOf(alice, page)).toContain("Approve this task")
  })
})

describe("the inbox", () => {
  test("has what waits for its reader, page by page, each no larger than a page may be", async () => {
    const { token, task } = await openTask("first")
    await write(token, { text: "one" })
    for (let index = 0; index < 30; index++) {
      await write(token, { text: `${index}`, ["a\u200B<".repeat(40)]: "\u202E".repeat(2_000) })
    }
    const approver = await visitorAs("approver")
    const links = (page: string): number => page.match(new RegExp(`/console/approvals/${task}/apr_`, "g"))?.length ?? 0
    await vi.waitFor(async () => expect(links(await textOf(approver, "/console/approvals"))).toBe(24))
    const first = await textOf(approver, "/console/approvals")
    expect(new TextEncoder().encode(first).byteLength).toBeLessThan(100_000)
    expect(first).not.toContain("\u202E")
    expect(first).toContain("?from=24")
    expect(links(await textOf(approver, "/console/approvals?from=24"))).toBe(6)
    for (const from of ["-1", "x", "1e9", "NaN"]) {
      expect((await approver.get(`/console/approvals?from=${from}`)).status).toBe(200)
    }
    expect(links(await textOf(await visitorAs("bob"), "/console/approvals"))).toBe(0)
  })

  test("says so where it cannot be known", async () => {
    const approver = await visitorAs("approver")
    const broken = vi.spyOn(env.INBOX, "getByName").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    const answer = await approver.get("/console/approvals")
    broken.mockRestore()
    expect([answer.status, await answer.text()]).toEqual([503, expect.not.stringContaining("Nothing waits")])
  })

  test("leaves a record of each look and each answer, by whom", async () => {
    const question = await asked()
    await (await visitorAs("approver")).post(question.page, { decision: "reject" })
    const task = question.page.split("/")[3] ?? ""
    const records = await recordsOf(task, 4)
    expect(records.find(({ kind }) => kind === "approval")).toMatchObject({ operator: `${IDP}|approver` })
  })
})
