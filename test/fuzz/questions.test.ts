/**
 * Questions that are documents, of Kong and of those that ask by AuthZEN, changed in structure and text: an allow is about
 * the one call that the document tells of, to every reader of it.
 */
import { exports } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { keyOf, subjectOf } from "../harness/gateways.ts"
import { US } from "../harness/issuers.ts"
import { FUZZ_TIMEOUT, fuzz } from "./fuzz.ts"
import { nodesOf, stringOf, textOfTree, treeOf } from "./json-tree.ts"
import { sameToSome, textsUnder, toolOf } from "./readers.ts"

yardForEach()

const SCOPE = "files.*:read mail.send:write desk.search:read"
const TOKEN = "$TOKEN"
const NAMES = [
  "method",
  "host",
  "path",
  "querystring",
  "headers",
  "body",
  "authorization",
  "subject",
  "action",
  "resource",
  "context",
  "evaluations",
  "id",
  "type",
  "name",
  "arguments",
  "x-http-method-override",
]
const VALUES = ["/vault/1", "DELETE", "GET", "eve@evil.test", "https://api.test/vault/1", "pay", "desk.pay", TOKEN]

/** No name stands in two spellings, anywhere: of two, another reader may take the other. */
function expectOneReading(document: string): void {
  const tree = treeOf(document)
  if (!tree) throw new Error("what is no JSON was answered with an allow")
  for (const node of nodesOf(tree)) {
    const names = node.kind === "object" ? node.members.map(([name]) => sameToSome(name)) : []
    expect(new Set(names).size).toBe(names.length)
  }
}

const kongAnswer = z.object({
  result: z.object({ allow: z.boolean(), status: z.number().optional(), headers: z.record(z.string(), z.string()) }),
})

describe("a question of Kong's", () => {
  const http = (method: string, path: string, more: object) =>
    JSON.stringify({
      input: {
        request: {
          http: {
            host: "api.test",
            port: "443",
            scheme: "https",
            method,
            path,
            querystring: {},
            headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
            ...more,
          },
        },
        client_ip: "203.0.113.7",
      },
    })

  test(
    "is allowed only where what it tells of is one call, and that is allowed",
    async () => {
      const { token } = await openTask("first", { scope: SCOPE })
      await fuzz({
        parser: "kong",
        seeds: [
          http("GET", "/files/a", { querystring: { version: "2", list: ["a"], flag: true } }),
          http("POST", "/mail", { body: '{"to":"a@example.org","text":"hello"}' }),
        ],
        words: [...NAMES, ...VALUES],
        json: true,
        runs: 400,
        async check(text) {
          const body = text.replaceAll(TOKEN, token)
          if (!body.isWellFormed()) return false
          const response = await exports.default.fetch(
            new Request(`${US}/authz/forward/${keyOf("kong")}`, { method: "POST", body }),
          )
          // Kong takes 200 and a document for an answer, and nothing else.
          expect(response.status).toBe(200)
          const { result } = kongAnswer.parse(await response.json())
          expect(result.status).not.toBe(503)
          if (!result.allow) return false
          expectOneReading(body)
          const { method, path, headers, body: sent = "" } = JSON.parse(body).input.request.http
          const tool = result.headers["x-narrowgate-tool"]
          const shown = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1]
          expect([shown].flat().join(", ")).toMatch(new RegExp(`^bearer +${token.replaceAll(".", "\\.")} *$`, "i"))
          // Decoded, it has no query any more, and nothing that a server would take for another path.
          expect(path).not.toMatch(/[?#;\\]|\/\/|\/\.{1,2}(?:\/|$)/)
          const segments = path.slice(1).split("/")
          expect(toolOf(method, segments.map(decodeURIComponent))).toBe(tool)
          if (tool !== "mail.send") return true
          const addressees = textsUnder(sent, "to")
          expect(addressees.length).toBeGreaterThan(0)
          for (const to of addressees) expect(to).toMatch(/@example\.org$/)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

const decision = z.object({
  decision: z.boolean(),
  context: z.object({ headers: z.record(z.string(), z.string()).optional() }).optional(),
})
const decisions = z.object({ evaluations: z.array(decision).optional(), ...decision.partial().shape })

describe("an AuthZEN question about a call", () => {
  const evaluation = (token: string) => ({
    subject: subjectOf(`Bearer ${token}`),
    action: { name: "GET" },
    resource: { type: "uri", id: "https://api.test/files/a?version=2" },
    context: { authorization: `Bearer ${TOKEN}`, headers: { "x-a": "b", "x-c": ["d"] } },
  })

  test.each(["evaluation", "evaluations"])(
    "(%s) is answered with yes only where what it tells of is one call, and that is allowed",
    async (operation) => {
      const { token } = await openTask("first", { scope: SCOPE })
      const one = evaluation(token)
      const mail = {
        ...one,
        action: { name: "POST" },
        resource: { type: "http", id: "https://api.test/mail" },
        context: { ...one.context, headers: { "content-type": "application/json" }, body: '{"to":"a@example.org"}' },
      }
      const tool = {
        ...one,
        action: { name: "tools/call" },
        resource: { type: "tool", id: "desk.search", properties: { arguments: { q: "x" } } },
      }
      const { resource: _resource, ...shared } = one
      const seeds =
        operation === "evaluation"
          ? [one, mail, tool]
          : [{ ...shared, evaluations: [{ resource: one.resource }, mail, tool] }]
      await fuzz({
        parser: `authzen-${operation}`,
        seeds: seeds.map((seed) => JSON.stringify(seed)),
        words: [...NAMES, ...VALUES],
        json: true,
        runs: 250,
        async check(text) {
          const body = text.replaceAll(TOKEN, token)
          if (!body.isWellFormed()) return false
          const headers = { Authorization: `Bearer ${keyOf("authzen")}`, "Content-Type": "application/json" }
          const response = await exports.default.fetch(
            new Request(`${US}/access/v1/${operation}`, { method: "POST", headers, body }),
          )
          expect([200, 400, 413]).toContain(response.status)
          if (response.status !== 200) return false
          const answer = decisions.parse(await response.json())
          const all = answer.evaluations ?? [answer]
          const allowed = all.flatMap((each, index) =>
            each.decision === true ? [{ index, tool: each.context?.headers?.["x-narrowgate-tool"] }] : [],
          )
          if (allowed.length === 0) return false
          expectOneReading(body)
          const question = JSON.parse(body)
          for (const { index, tool } of allowed) {
            const asked = answer.evaluations ? { ...question, ...question.evaluations[index] } : question
            expectAllowed(asked, tool ?? "", token)
          }
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

interface Asked {
  readonly subject: { readonly id: string }
  readonly action: { readonly name: string }
  readonly resource: { readonly type: string; readonly id: string; readonly properties?: object }
  readonly context: { readonly authorization: string; readonly body?: string }
}

function expectAllowed({ subject, action, resource, context }: Asked, tool: string, token: string): void {
  expect(context.authorization).toMatch(new RegExp(`^bearer +${token.replaceAll(".", "\\.")} *$`, "i"))
  expect(subject.id).toBe(subjectOf(`Bearer ${token}`).id)
  if (resource.type === "tool") {
    expect([action.name, resource.id]).toEqual(["tools/call", tool])
    return
  }
  const url = new URL(resource.id)
  expect(url.origin).toBe("https://api.test")
  expect(toolOf(action.name, url.pathname.slice(1).split("/").map(decodeURIComponent))).toBe(tool)
  if (tool === "mail.send") for (const to of textsUnder(context.body ?? "", "to")) expect(to).toMatch(/@example\.org$/)
}

test("a document is changed in its structure, and written so that names stand twice", () => {
  const tree = treeOf('{"a":1,"a":[true,"x"]}')
  expect(tree && textOfTree(tree)).toBe('{"a":1,"a":[true,"x"]}')
  expect(tree && nodesOf(tree)).toHaveLength(5)
  expect(stringOf(String.raw`"\u0061\n\""`)).toBe('a\n"')
})
