import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { findRecords } from "../../src/audit/record-logs.ts"
import { env } from "cloudflare:workers"
import { childForm, exchangeForm, openChild, openTask, openTaskFor, postForm } from "../harness/agents.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { yardForEach } from "../harness/each-test.ts"
import { window } from "../harness/guardrails.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { codeFor, redeem, refreshBy } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { canonicalText } from "../../src/core/encoding/canonical-json.ts"
import { sha256Hex } from "../../src/core/encoding/hash.ts"
import { askAs, callWith, keyOf, ORIGIN, readAnswer, type ClientRequest } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const JSON_TYPE = { "Content-Type": "application/json" }
const put = (body: object): Partial<ClientRequest> => ({
  method: "PUT",
  body: JSON.stringify(body),
  headers: JSON_TYPE,
})

const mail = (to: string): Partial<ClientRequest> => ({ ...put({ to, text: "confidential words" }), method: "POST" })

const HIDDEN = "[redacted]"

/** Nothing else of a record could hold it by chance. */
const secrets = fc.uuid().map((uuid) => `s${uuid.replaceAll("-", "")}`)
const ends = fc.constantFrom("", " ", '"', "é", "😀", "'", "~")
const odd = fc.tuple(ends, ends)

/** The yard, with arguments to hide in paths, bodies and messages, and rules that read all of some tools. */
function hiding(body: BundleBody): BundleBody {
  const redact: Readonly<Record<string, readonly string[]>> = {
    "files.write": ["file", "secret"],
    "desk.pay": ["note"],
  }
  const tools = body.tools.map((tool) => ({ ...tool, redact: redact[tool.name] ?? tool.redact }))
  const any = { op: "All" }
  const about = (tool: string) => ({ op: "==", entity: { type: "Tool", id: tool } })
  const reading = Object.keys(redact).map((tool) => ({
    id: `reads-all-of-${tool}`,
    policy: { effect: "permit" as const, principal: any, action: any, resource: about(tool), conditions: [] },
    reads: ["*"],
  }))
  return { ...body, tools, rules: [...body.rules, ...reading] }
}

interface Place {
  readonly path?: string
  readonly more?: Partial<ClientRequest>
  readonly scope?: { readonly scope: string }
  /** Details of the grant. */
  readonly bounds?: string
  readonly code: string
}

/** Where a redacted argument can be: each place of a call, each kind of answer, each bound. */
function placesOf(secret: string): readonly Place[] {
  const write = { scope: "files.*:write" }
  const path = `/files/${encodeURIComponent(secret)}`
  const within = (bounds: object): string =>
    JSON.stringify([{ type: "narrowgate_call", tools: ["files.*"], actions: ["write"], arguments: bounds }])
  const pay = (args: object): Partial<ClientRequest> => ({
    ...put({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "pay", arguments: args } }),
    method: "POST",
  })
  const desk = { path: "/desk/mcp", scope: { scope: "desk.*:write" }, code: "ok" }
  return [
    { path, more: put({}), scope: write, code: "ok" },
    { path, more: put({}), bounds: within({ file: { eq: `not ${secret}` } }), code: "insufficient_scope" },
    { path, more: put({}), scope: { scope: "files.*:read" }, code: "insufficient_scope" },
    { path, more: { method: "PATCH" }, scope: write, code: "unknown_tool" },
    {
      path: `/files/a?secret=${encodeURIComponent(secret)}`,
      more: put({}),
      bounds: within({ file: { eq: "b" } }),
      code: "insufficient_scope",
    },
    { more: put({ secret }), bounds: within({ secret: { in: ["x", `${secret}x`] } }), code: "insufficient_scope" },
    {
      more: put({ secret: { deep: [{ er: secret }] } }),
      bounds: within({ secret: { eq: 1 } }),
      code: "insufficient_scope",
    },
    { ...desk, more: pay({ note: secret }) },
    { ...desk, more: pay({ note: [secret, { [secret]: 1 }] }) },
    // Some upstream may take it for the note: the call is denied, and nothing of its arguments recorded.
    { ...desk, more: pay({ "Note[x]": secret }), code: "malformed_call" },
  ]
}

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

  test("wherever an argument stands that the catalog redacts, its value is nowhere in the record", async () => {
    await publish(hiding(await yard()), 2)
    forgetCaches()
    await fc.assert(
      fc.asyncProperty(secrets, odd, async (core, [before, after]) => {
        const secret = `${before}${core}${after}`
        const answers: { readonly decision: string; readonly code: string }[] = []
        for (const { path = "/files/a", more, scope, bounds } of placesOf(secret)) {
          const task = await openTask("first", bounds ? { authorization_details: bounds } : scope)
          answers.push(await callWith(task.token, path, more))
        }
        const records = await Promise.all(answers.map(async ({ decision }) => recordOf(decision)))
        expect(records.map(({ code }) => code)).toEqual(placesOf(secret).map(({ code }) => code))
        for (const record of records) expect(JSON.stringify(record)).not.toContain(core)
        for (const { arguments: shown } of records) for (const told of Object.values(shown)) expect(told).toBe(HIDDEN)
        expect(records[0]?.path).toBe(`/files/${HIDDEN}`)
        expect(records[1]?.denial).toMatchObject({ argument: "file", bound: `eq ${HIDDEN}` })
        expect(records.at(-1)).toMatchObject({ arguments: {}, denial: { argument: "note" } })
      }),
      { numRuns: 4 },
    )
  })

  test("a redacted PIN is not found by hashing every PIN that there is, nor by making the call with each", async () => {
    const task = await openTask("first", { scope: "files.*:write" })
    const calls = ["0417", "0417", "0418"].map(async (secret) => callWith(task.token, "/files/a", put({ secret })))
    const answers = await Promise.all(calls)
    const hashes = await Promise.all(answers.map(async ({ decision }) => (await recordOf(decision)).arguments_hash))
    const guesses = Array.from({ length: 10_000 }, (_, pin) => ({ file: "a", secret: String(pin).padStart(4, "0") }))
    const found = new Set(guesses.map((guess) => sha256Hex(canonicalText(guess) ?? "")))
    expect(hashes.filter((hash) => hash !== null && found.has(hash))).toEqual([])
    expect(new Set(hashes).size).toBe(3)
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

  test("a redacted amount, by what was counted of it: of an allow, of a denial, of a candidate's denial", async () => {
    const body = await yard()
    const spending = (limit: number): Limit => ({
      ...window({ id: "spending", tools: ["files.write"], per: "tree", limit, seconds: 1 }),
      topic: "budget",
      measure: { kind: "sum", field: "arguments.secret" },
      span: { kind: "life" },
    })
    await publish({ ...body, guardrails: [spending(10_000_000)] }, 2)
    await publish({ ...body, guardrails: [spending(10_000)] }, 3, "candidate")
    const { token } = await openTask("first")
    const answers = [
      await callWith(token, "/files/a", put({ secret: 123.45 })),
      await callWith(token, "/files/a", put({ secret: 987.65 })),
    ]
    expect(answers.map(({ code }) => code)).toEqual(["ok", "budget_exhausted"])
    const records = await Promise.all(answers.map(async ({ decision }) => recordOf(decision)))
    expect(JSON.stringify(records)).not.toMatch(/123\.45|987\.65/)
    expect(records[1]?.denial).toMatchObject({ reason: "budget_spent", used: null, asked: null })
    expect(records[0]?.guardrails).toEqual([{ guardrail: "spending", kind: "limit", holds: true, limit: 1000 }])
  })

  test.each(["?text%3Dgeheim31337", "?geheim31337", "?text[geheim31337]=1", "?text.geheim31337=1"])(
    "a redacted argument whose value a client sends as a name: %s",
    async (query) => {
      const { token } = await openTask("first", { scope: "mail.*:write" })
      const { code, decision } = await callWith(token, `/mail${query}`, { method: "POST" })
      expect(code).toBe("malformed_call")
      expect(JSON.stringify(await recordOf(decision))).not.toContain("geheim31337")
    },
  )

  test("a code or a refresh token that is sent in the place of a task's id", async () => {
    const { issued } = await redeem(await codeFor())
    const refresh = issued?.refresh_token ?? ""
    const operator = await bearerOf("operator")
    const answers = [
      await manage("GET", `/v1/tasks/${refresh}`, operator),
      await manage("GET", `/v1/decisions/${refresh}`, operator),
      await manage("POST", "/v1/revocations", operator, {}, { agent: refresh }),
    ]
    const refusedForms = [
      await postForm({ ...(await exchangeForm("first")), scope: refresh }),
      await postForm({ ...(await exchangeForm("first")), audience: refresh }),
      await postForm({ ...(await exchangeForm("first")), task: refresh }),
    ]
    const ids = [
      ...answers.map(({ headers }) => headers.get("X-Narrowgate-Decision") ?? ""),
      ...refusedForms.map(({ refused }) => refused?.decision_id ?? ""),
    ]
    const [, family = "", secret = ""] = refresh.split(".")
    for (const id of ids) {
      const text = JSON.stringify(await recordOf(id))
      expect([text.includes(family), text.includes(secret)]).toEqual([false, false])
    }
    expect((await refreshBy(refresh)).issued).not.toBeNull()
  })

  const KEY = "ngk_cbFiTmvoc67X8v7x94y89WpSlUiVitR5kLNLT0JEoEI"
  test.each<readonly [string, (refresh: string) => string]>([
    ["the key of a gateway", () => KEY],
    ["the key of a gateway of the local stack", () => "ngk_edge_development"],
    ["the key of a gateway behind a scheme", () => `Bearer ${KEY}`],
    ["a refresh token whose dot is encoded", (refresh) => refresh.replace(".", "%2E")],
    ["a refresh token whose dot is encoded twice", (refresh) => refresh.replace(".", "%252e")],
    ["a refresh token with a colon", (refresh) => refresh.replace(".", ":")],
    ["a refresh token with a blank", (refresh) => refresh.replace(".", ". ")],
    ["a refresh token in another case", (refresh) => refresh.replace(/^[^.]+/, (id) => id.toLowerCase())],
  ])("%s that is sent in the place of something else", async (_what, shapeOf) => {
    const { issued } = await redeem(await codeFor())
    const sent = shapeOf(issued?.refresh_token ?? "")
    const operator = await bearerOf("operator")
    const { token } = await openTask("first", { scope: "mail.*:write" })
    const answers = [
      await manage("GET", `/v1/agents/${encodeURIComponent(sent)}`, operator),
      await manage("POST", "/v1/revocations", operator, {}, { agent: "spiffe://a.test/b", reason: sent }),
    ]
    const refusedForms = [
      await postForm({ ...(await exchangeForm("first")), scope: sent }),
      await postForm({ ...(await exchangeForm("first")), purpose: sent }),
    ]
    const ids = [
      ...answers.map(({ headers }) => headers.get("X-Narrowgate-Decision") ?? ""),
      ...refusedForms.map(({ refused }) => refused?.decision_id ?? ""),
      (await callWith(token, "/mail", mail(sent))).decision,
      (await callWith(token, `/nowhere/${encodeURIComponent(sent)}`)).decision,
    ]
    const secrets = sent.startsWith("tsk_")
      ? (/[\w-]{43}\.[\w-]{43}$/.exec(sent)?.[0].split(".") ?? [])
      : [sent.slice(-20)]
    expect(secrets).not.toEqual([])
    for (const id of ids) {
      const text = JSON.stringify(await recordOf(id))
      for (const secret of secrets) expect(text).not.toContain(secret)
    }
  })

  const gauged = z.object({ limits: z.array(z.looseObject({ used: z.number().nullable() })) })
  const spelt = ["secret", "Secret", "arguments.secret"]
  test.each(spelt)("an amount redacted as %s, by a count that another tool shares, or by a window", async (name) => {
    const body = await yard()
    const limit = (id: string, field: `arguments.${string}`, more: Partial<Limit>): Limit => ({
      ...window({ id, tools: ["files.*", "till.pay"], per: "tree", limit: 100_000_000, seconds: 60 }),
      measure: { kind: "sum", field },
      ...more,
    })
    const budget = { topic: "budget", span: { kind: "life" } } as const
    const guardrails = [
      limit("exact", "arguments.secret", budget),
      limit("rated", "arguments.secret", {}),
      limit("distinct", "arguments.secret", { ...budget, measure: { kind: "distinct", field: "arguments.secret" } }),
      limit("keyed", "arguments.secret", { measure: { kind: "calls" }, per: ["arguments.secret"] }),
      limit("called", "arguments.secret", { measure: { kind: "calls" }, per: ["tree", "call"] }),
      limit("calls", "arguments.secret", { ...budget, measure: { kind: "distinct", field: "call" } }),
      limit("spent", "arguments.secret", { ...budget, limit: 10_000_000 }),
    ]
    // Only one of the tools that the guardrails cover redacts it.
    const tools = body.tools.map((tool) => ({ ...tool, redact: tool.name === "till.pay" ? [name] : [] }))
    // Whether it is about a call tells in which range the argument is.
    const ranged: Limit = {
      ...limit("ranged", "arguments.secret", { measure: { kind: "calls" } }),
      of: { tools: ["files.*", "till.pay"], arguments: { secret: { min: 200 } } },
    }
    await publish({ ...body, tools, guardrails: [...guardrails, ranged] }, 2)
    const { token, task } = await openTask("first")
    const amounts = [123.45, 376.25, 987.65]
    const answers = [
      await callWith(token, "/files/a", put({ secret: amounts[0] })),
      await callWith(token, "/files/a", put({ secret: amounts[1] })),
      await callWith(token, "/files/a", put({ secret: amounts[2] })),
    ]
    expect(answers.map(({ code }) => code)).toEqual(["ok", "ok", "budget_exhausted"])
    for (const { headers } of answers) expect(headers.has("RateLimit")).toBe(false)
    const records = await Promise.all(answers.map(async ({ decision }) => recordOf(decision)))
    for (const record of records) {
      const told = [...record.guardrails, ...record.windows, record.denial ?? {}].map((each) => Object.entries(each))
      const figures = told.flat().filter(([name, value]) => /^(?:used|asked|waits)$/.test(name) && value !== null)
      expect(figures).toEqual([])
      expect(record.windows).toEqual([])
    }
    expect(records[2]?.denial).toMatchObject({ reason: "budget_spent", used: null, asked: null })
    for (const record of records.slice(0, 2)) {
      expect(record.guardrails.map(({ guardrail }) => guardrail)).toEqual(guardrails.map(({ id }) => id))
    }
    for (const who of [`Bearer ${token}`, await bearerOf("viewer")]) {
      const { limits } = gauged.parse((await manage("GET", `/v1/tasks/${task}`, who)).json)
      expect(limits.map(({ used }) => used)).toEqual([...guardrails, ranged].map(() => null))
    }
  })

  test("an amount that was counted while the catalog redacted it, by a bundle that no longer does", async () => {
    const body = await yard()
    const spending: Limit = {
      ...window({ id: "spending", tools: ["files.write"], per: "tree", limit: 10_000_000, seconds: 60 }),
      measure: { kind: "sum", field: "arguments.secret" },
    }
    const open = body.tools.map((tool) => ({ ...tool, redact: [] }))
    await publish({ ...body, guardrails: [] }, 2)
    const first = await openTask("first")
    await publish({ ...body, guardrails: [spending] }, 3)
    forgetCaches()
    const second = await openTask("first")
    for (const { token } of [first, second]) {
      expect((await callWith(token, "/files/a", put({ secret: 123.45 }))).code).toBe("ok")
    }
    await publish({ ...body, tools: open, guardrails: [spending] }, 4)
    forgetCaches()
    const operator = await bearerOf("viewer")
    for (const { task, token } of [first, second]) {
      expect((await callWith(token, "/files/a", put({ secret: 1 }))).code).toBe("ok")
      await killObjects()
      const { headers, decision } = await callWith(token, "/files/a", put({ secret: 2 }))
      expect(headers.has("RateLimit")).toBe(false)
      const { windows, guardrails } = await recordOf(decision)
      expect({ windows, guardrails }).toEqual({
        windows: [],
        guardrails: [{ guardrail: "spending", kind: "limit", holds: true, limit: 1000 }],
      })
      const { limits } = gauged.parse((await manage("GET", `/v1/tasks/${task}`, operator)).json)
      expect(limits.map(({ used }) => used)).toEqual([null])
    }
    // A ledger for which no bundle ever hid it shows what it has used.
    const { task, token } = await openTaskFor("bob")
    expect((await callWith(token, "/files/a", put({ secret: 2 }))).headers.has("RateLimit")).toBe(true)
    const { limits } = gauged.parse((await manage("GET", `/v1/tasks/${task}`, operator)).json)
    expect(limits.map(({ used }) => used)).toEqual([2])
  })

  const detailed = z.object({ tasks: z.array(z.object({ id: z.string(), authorization_details: z.unknown() })) })

  test("a bound on an argument that another tool of the grant redacts, in a record and in a task", async () => {
    const body = await yard()
    const redact = (name: string): readonly string[] => (name === "till.pay" ? ["PIN"] : [])
    await publish({ ...body, tools: body.tools.map((tool) => ({ ...tool, redact: redact(tool.name) })) }, 2)
    forgetCaches()
    const pin = { pin: { eq: "739184", in: ["739184"] }, file: { like: "a*" } }
    const call = { type: "narrowgate_call", actions: ["write"] }
    const bounded = [{ ...call, tools: ["files.write"], arguments: pin }]
    const both = [{ ...call, tools: ["files.write", "till.pay"], arguments: { pin: pin.pin } }]
    const root = await openTask("first", { authorization_details: JSON.stringify(both) })
    const child = await openChild(root.token, "second", { authorization_details: JSON.stringify(bounded) })
    const operator = await bearerOf("viewer")
    for (const { token } of [root, child]) {
      const { code, decision } = await callWith(token, "/files/a", put({ pin: "1" }))
      expect(code).toBe("insufficient_scope")
      const record = await recordOf(decision)
      expect(record.denial).toMatchObject({ argument: "pin", bound: `eq ${HIDDEN}` })
      expect(JSON.stringify(record)).not.toContain("739184")
    }
    const shown = async (task: string, who: string): Promise<readonly unknown[]> => {
      const { tasks } = detailed.parse((await manage("GET", `/v1/tasks/${task}`, who)).json)
      return tasks.toSorted((a, b) => a.id.length - b.id.length).map((each) => each.authorization_details)
    }
    const hidden = { eq: HIDDEN, in: HIDDEN }
    expect(await shown(root.task, operator)).toMatchObject([
      [{ arguments: { pin: { eq: HIDDEN, in: HIDDEN } } }],
      [{ arguments: { pin: hidden, file: { like: "a*" } } }],
    ])
    // Each agent is shown its own grant: a task's agent is another than that of the task above.
    expect(await shown(root.task, `Bearer ${root.token}`)).toMatchObject([
      [{ arguments: { pin: pin.pin } }],
      [{ arguments: { pin: hidden, file: { like: "a*" } } }],
    ])
    expect(await shown(child.task, `Bearer ${child.token}`)).toMatchObject([[{ arguments: pin }]])
    // A tool of another grant redacts it: nothing allowed by this one is hidden.
    const open = await openTask("first", { authorization_details: JSON.stringify(bounded) })
    const { decision } = await callWith(open.token, "/files/a", put({ pin: "1" }))
    expect((await recordOf(decision)).denial).toMatchObject({ bound: 'eq "739184"' })
    expect(await shown(open.task, operator)).toMatchObject([[{ arguments: pin }]])
  })

  test("a redacted path segment, in a path that is no tool's by a slash, a case, a segment or a method", async () => {
    await publish(hiding(await yard()), 2)
    forgetCaches()
    const { token } = await openTask("first", { scope: "files.*:write" })
    const secret = "s0417s0417"
    const paths = [
      `/files/${secret}/`,
      `/Files/${secret}`,
      `/files/${secret}/more`,
      `/v2/files/${secret}`,
      `/${secret}`,
    ]
    const calls = [
      ...paths.map(async (path) => callWith(token, path, put({}))),
      callWith(token, `/files/${secret}`, { method: "PATCH" }),
      callWith(token, `/files/${encodeURIComponent(`${secret}é`)}/`, put({})),
    ]
    const answers = await Promise.all(calls)
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => "unknown_tool"))
    const records = await Promise.all(answers.map(async ({ decision }) => recordOf(decision)))
    expect(JSON.stringify(records)).not.toContain(secret)
    expect(records.map(({ denial }) => denial && "called" in denial && denial.called)).toEqual([
      "PUT /files/[redacted]/",
      "PUT /Files/[redacted]",
      "PUT /files/[redacted]/[redacted]",
      "PUT /[redacted]/files/[redacted]",
      "PUT /[redacted]",
      "PATCH /files/[redacted]",
      "PUT /files/[redacted]/",
    ])
  })

  test("a redacted path segment, in the same path under another origin of the gateway", async () => {
    await publish(hiding(await yard()), 2)
    forgetCaches()
    const { token } = await openTask("first", { scope: "files.*:write" })
    const secret = "s0417s0417"
    const asked = {
      "X-Forwarded-Method": "PUT",
      "X-Forwarded-Uri": `/files/${secret}`,
      "X-Forwarded-Host": "other.test",
    }
    const headers = { Authorization: `Bearer ${token}`, "X-Narrowgate-Key": keyOf("twin"), ...asked }
    const { code, decision } = await readAnswer(await knock(new Request(`${US}/authz/forward`, { headers })))
    expect(code).toBe("unknown_tool")
    const record = await recordOf(decision)
    expect(JSON.stringify(record)).not.toContain(secret)
    expect(record.denial).toMatchObject({ called: "PUT /[redacted]/[redacted]" })
  })
})
