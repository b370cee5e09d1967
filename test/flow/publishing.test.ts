/** Publishing over HTTP: by whom, of what, in which order; and that nothing half done ever decides. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { CompactSign, importJWK, type JWK } from "jose"
import { describe, expect, inject, test, vi } from "vitest"
import { z } from "zod"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { window } from "../harness/guardrails.ts"
import { generatePublisherKey, signHistoryQuestion } from "../../cli/compiler/sign.ts"
import { CONTRACT } from "../../src/api/contract/contract.ts"
import {
  FORMAT,
  PUBLICATION_TYPES,
  type BundleBody,
  type Pointer,
  type Publishing,
} from "../../src/core/policy/bundle.ts"
import type { SinkDefinition } from "../../src/core/policy/definition/sinks.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { bodyKey } from "../../src/bundles/store.ts"
import { publications } from "../../src/bundles/publications.ts"
import { openTask } from "../harness/agents.ts"
import { yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { callWith, keyOf } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { SAID, signPointer } from "../harness/publisher.ts"
import { recordOf } from "../harness/records.ts"

freshIsolateForEach()

const answered = z.looseObject({
  error: z.string().optional(),
  seq: z.number().optional(),
  decision_id: z.string().optional(),
})

async function post(
  publication: string,
  bytes: Uint8Array<ArrayBuffer> | null,
  more: Readonly<Record<string, string>> = {},
) {
  const headers = { "X-Narrowgate-Publication": publication, ...more }
  const response = await knock(new Request(`${US}/v1/bundles`, { method: "POST", headers, body: bytes }))
  const json: unknown = await response.json()
  return {
    status: response.status,
    decision: response.headers.get("X-Narrowgate-Decision") ?? "",
    json: answered.parse(json),
  }
}

interface Made {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly digest: string
}

async function made(body: BundleBody): Promise<Made> {
  const bytes = canonicalBytes(body)
  return { bytes, digest: await digestOf(bytes) }
}

const yardWithout = async (tool: string): Promise<BundleBody> => {
  const body = await yard()
  const { tools, routes } = body
  return {
    ...body,
    tools: tools.filter(({ name }) => name !== tool),
    routes: routes.filter((route) => route.tool !== tool),
  }
}

const signed = async (seq: number, { digest }: Pick<Made, "digest">, what: Publishing = "pointer", key?: JWK) =>
  signPointer(key ?? inject("publisher"), { seq, digest }, what)

/** As an isolate that starts anew sees it. */
async function deciding(): Promise<Pointer | null> {
  forgetCaches()
  const { json } = await manage("GET", "/readyz", null)
  return z.object({ bundle: z.object({ seq: z.number(), digest: z.string() }) }).safeParse(json).data?.bundle ?? null
}

const bundles = CONTRACT.listPublications.answer()
const history = async () => bundles.parse((await manage("GET", "/v1/bundles", await bearerOf("viewer"))).json)

describe("a bundle that is published", () => {
  test("decides from then on, the first one too; who, when and why are kept", async () => {
    expect(await deciding()).toBeNull()
    const first = await made(await yard())
    const { status, json } = await post(await signed(1, first), first.bytes)
    expect([status, json]).toMatchObject([
      200,
      { seq: 1, digest: first.digest, by: SAID.by, why: SAID.why, done: true },
    ])
    expect(await deciding()).toEqual({ seq: 1, digest: first.digest })

    const second = await made(await yardWithout("files.read"))
    expect((await post(await signed(2, second), second.bytes)).status).toBe(200)
    expect(await deciding()).toEqual({ seq: 2, digest: second.digest })
    const { token } = await openTask("first", { purpose: "work" })
    expect((await callWith(token, "/files/a")).code).toBe("unknown_tool")

    const told = await history()
    expect(told.history.map(({ seq, digest, done }) => [seq, digest, done])).toEqual([
      [2, second.digest, true],
      [1, first.digest, true],
    ])
    expect(told.live).toMatchObject({ seq: 2, by: SAID.by, why: SAID.why, kid: inject("publisher").kid })
    expect(Math.abs(Date.now() - (told.live?.at ?? 0))).toBeLessThan(60_000)
  })

  test("is refused while its Worker has no bucket that a sink of it writes to; going back to it is not", async () => {
    const sinkIn = (bucket: string): SinkDefinition => ({
      id: "archive",
      kind: "r2",
      format: "records",
      bucket,
      prefix: "",
      logs: ["records"],
      kinds: ["call"],
      batch: { records: 500, bytes: 1_000_000 },
      denies: [],
    })
    const bound = await made({ ...(await yard()), sinks: [sinkIn("our-records")] })
    const unbound = await made({ ...(await yard()), sinks: [sinkIn("elsewhere")] })
    expect((await post(await signed(1, bound), bound.bytes)).status).toBe(200)
    for (const what of ["pointer", "candidate"] as const) {
      const { status, json } = await post(await signed(2, unbound, what), unbound.bytes)
      expect([status, json]).toEqual([
        400,
        expect.objectContaining({ error_description: expect.stringContaining("R2_ELSEWHERE") }),
      ])
      expect((await post(await signed(2, unbound, what), null)).status).toBe(400)
    }
    expect(await deciding()).toEqual({ seq: 1, digest: bound.digest })
    // It was live once, with a binding that the Worker had then.
    await env.BUNDLES.put(bodyKey(unbound.digest), unbound.bytes.buffer)
    expect((await post(await signed(3, unbound), null)).status).toBe(200)
  })

  test("is refused if it names what its Worker never requests; going back to it is not", async () => {
    const body = await yard()
    const [first] = body.issuers
    if (!first) throw new Error("the yard has no issuer")
    const issuer = "http://10.0.0.1:8788"
    const lost = await made({
      ...body,
      issuers: [...body.issuers, { ...first, id: "lost", issuer, keys: { kind: "discovery" } }],
    })
    for (const what of ["pointer", "candidate"] as const) {
      const { status, json } = await post(await signed(1, lost, what), lost.bytes)
      expect([status, json]).toEqual([
        400,
        expect.objectContaining({ error_description: expect.stringContaining(`issuer lost (${issuer}/`) }),
      ])
    }
    expect(await deciding()).toBeNull()
    await env.BUNDLES.put(bodyKey(lost.digest), lost.bytes.buffer)
    expect((await post(await signed(2, lost), null)).status).toBe(200)
  })

  test("is gone back from under a higher number, without its body being sent again", async () => {
    const [first, second] = [await made(await yard()), await made(await yardWithout("files.read"))]
    await post(await signed(1, first), first.bytes)
    await post(await signed(2, second), second.bytes)
    expect((await post(await signed(3, first), null)).status).toBe(200)
    expect(await deciding()).toEqual({ seq: 3, digest: first.digest })
  })

  test("as a candidate decides nothing, and is withdrawn", async () => {
    const [first, second] = [await made(await yard()), await made(await yardWithout("files.read"))]
    await post(await signed(1, first), first.bytes)
    expect((await post(await signed(2, second, "candidate"), second.bytes)).status).toBe(200)
    expect(await deciding()).toEqual({ seq: 1, digest: first.digest })
    expect(await env.BUNDLES.get("candidate")).not.toBeNull()
    expect((await post(await signed(3, second, "withdrawal"), null)).status).toBe(200)
    expect(await env.BUNDLES.get("candidate")).toBeNull()
    // Each takes its number, or it could be sent again to end the next trial.
    const needless = await signed(4, second, "withdrawal")
    expect((await post(needless, null)).status).toBe(200)
    expect((await post(await signed(5, second, "candidate"), null)).status).toBe(200)
    expect((await post(needless, null)).status).toBe(409)
    expect(await env.BUNDLES.get("candidate")).not.toBeNull()
  })

  test("can be looked at by operators, in the bytes that were signed", async () => {
    const { bytes, digest } = await made(await yard())
    await post(await signed(1, { digest }), bytes)
    const { json } = await manage("GET", `/v1/bundles/${digest}`, await bearerOf("viewer"))
    const { body } = z.object({ body: z.string() }).parse(json)
    expect(await digestOf(Uint8Array.from(new TextEncoder().encode(body)))).toBe(digest)
    expect((await manage("GET", `/v1/bundles/${"0".repeat(64)}`, await bearerOf("viewer"))).status).toBe(404)
    expect((await manage("GET", "/v1/bundles/pointer", await bearerOf("viewer"))).status).toBe(404)
    expect((await manage("GET", `/v1/bundles/${digest}`, null)).status).toBe(401)
    const { token } = await openTask("first", { purpose: "work" })
    expect((await manage("GET", "/v1/bundles", `Bearer ${token}`)).status).toBe(401)
  })

  test("is recorded, with the key that signed it; so is what was refused", async () => {
    const { bytes, digest } = await made(await yard())
    const operator = `publisher|${inject("publisher").kid}`
    const done = await post(await signed(1, { digest }), bytes)
    expect(await recordOf(done.decision)).toMatchObject({
      kind: "management",
      decision: "allow",
      operator,
      bundle: { seq: 1 },
    })
    const late = await post(await signed(1, { digest: "0".repeat(64) }), bytes)
    expect(await recordOf(late.decision)).toMatchObject({ decision: "deny", code: "invalid_request", operator })
  })
})

describe("nothing is published", () => {
  const statement = async (typ: string, payload: object, key: JWK = inject("publisher"), header: object = {}) =>
    new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: "ES256", typ, kid: String(inject("publisher").kid), ...header })
      .sign(await importJWK(key, "ES256"))
  const now = (): number => Math.floor(Date.now() / 1000)

  async function liveYard(): Promise<Made> {
    const live = await made(await yard())
    expect((await post(await signed(5, live), live.bytes)).status).toBe(200)
    return live
  }

  const unsigned: readonly (readonly [what: string, make: (digest: string) => Promise<string>])[] = [
    ["without a statement", async () => ""],
    ["by another key", async (digest) => signed(6, { digest }, "pointer", (await generatePublisherKey()).privateJwk)],
    [
      "by another key that claims the publisher's name",
      async (digest) => {
        const { privateJwk } = await generatePublisherKey()
        return signed(6, { digest }, "pointer", { ...privateJwk, kid: String(inject("publisher").kid) })
      },
    ],
    ["by the question for the history", async () => signHistoryQuestion(inject("publisher"), US)],
    ["by a JWS of another type", async (digest) => statement("jwt", { seq: 6, digest, iat: now(), ...SAID })],
    [
      "by an old statement",
      async (digest) => statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, iat: now() - 301, ...SAID }),
    ],
    [
      "by a statement of the future",
      async (digest) => statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, iat: now() + 310, ...SAID }),
    ],
    [
      "by a statement for another Worker",
      async (digest) =>
        statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, iat: now(), ...SAID, aud: "https://staging.test" }),
    ],
    [
      "by a statement that names no key, though only one could have signed it",
      async (digest) => {
        const header = { kid: undefined }
        return statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, iat: now(), ...SAID }, undefined, header)
      },
    ],
    ["without a time", async (digest) => statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, ...SAID })],
    [
      "by nobody",
      async (digest) => statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, iat: now(), aud: US, why: "x" }),
    ],
    [
      "for no reason",
      async (digest) =>
        statement(PUBLICATION_TYPES.pointer, { seq: 6, digest, iat: now(), aud: US, by: "x", why: " " }),
    ],
    [
      "under a number that is none",
      async (digest) => statement(PUBLICATION_TYPES.pointer, { seq: 1.5, digest, iat: now(), ...SAID }),
    ],
    [
      "under a number beyond all",
      async (digest) => statement(PUBLICATION_TYPES.pointer, { seq: 2 ** 53, digest, iat: now(), ...SAID }),
    ],
    [
      "under a digest that leads elsewhere",
      async () => statement(PUBLICATION_TYPES.pointer, { seq: 6, digest: "../pointer", iat: now(), ...SAID }),
    ],
    [
      "by a statement that was changed",
      async (digest) => {
        const [header = "", , signature = ""] = (await signed(6, { digest })).split(".")
        const payload = Buffer.from(JSON.stringify({ seq: 7, digest, iat: now(), ...SAID })).toString("base64url")
        return `${header}.${payload}.${signature}`
      },
    ],
  ]
  test.each(unsigned)("%s", async (_what, make) => {
    const live = await liveYard()
    const other = await made(await yardWithout("files.read"))
    const { status, json } = await post(await make(other.digest), other.bytes)
    expect([status, json.error]).toEqual([401, "invalid_token"])
    expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
    // Not even what would be harmless there: anybody could fill the store.
    expect(await env.BUNDLES.get(bodyKey(other.digest))).toBeNull()
  })

  const unread: readonly (readonly [what: string, spoil: (other: Made) => Promise<Made> | Made])[] = [
    ["whose digest is another", ({ bytes, digest }) => ({ bytes: bytes.slice(1), digest })],
    ["that is not there", ({ digest }) => ({ bytes: new Uint8Array(), digest })],
    [
      "of another format",
      async ({ bytes }) => {
        const text = new TextDecoder().decode(bytes).replace(`"format":${FORMAT}`, `"format":${FORMAT + 1}`)
        const changed = Uint8Array.from(new TextEncoder().encode(text))
        return { bytes: changed, digest: await digestOf(changed) }
      },
    ],
    [
      "whose rules cannot be read",
      async ({ bytes }) => {
        const text = new TextDecoder().decode(bytes)
        const end = text.indexOf("\n") + 1
        const changed = Uint8Array.from(new TextEncoder().encode(text.slice(0, end) + "x".repeat(text.length - end)))
        return { bytes: changed, digest: await digestOf(changed) }
      },
    ],
    [
      "that is cut off",
      async ({ bytes }) => {
        const cut = bytes.slice(0, 100)
        return { bytes: cut, digest: await digestOf(cut) }
      },
    ],
    [
      "that is no text",
      async () => {
        const bytes = Uint8Array.from([0xff, 0xfe])
        return { bytes, digest: await digestOf(bytes) }
      },
    ],
  ]
  test.each(unread)("of a bundle %s", async (_what, spoil) => {
    const live = await liveYard()
    const spoilt = await spoil(await made(await yardWithout("files.read")))
    const { status, json } = await post(await signed(6, spoilt), spoilt.bytes)
    expect([status, json.error]).toEqual([400, "invalid_request"])
    expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
    expect((await history()).seq).toBe(5)
  })

  test("under a number that was used, or a lower one; who asks is told which there is", async () => {
    const live = await liveYard()
    const other = await made(await yardWithout("files.read"))
    for (const seq of [5, 4, 1]) {
      const { status, json } = await post(await signed(seq, other), other.bytes)
      expect([status, json]).toMatchObject([409, { error: "outrun", seq: 5, live: { seq: 5, digest: live.digest } }])
    }
    expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
  })

  test("under the number of another kind, or of another publisher, though the body is the same", async () => {
    const live = await liveYard()
    for (const what of ["candidate", "withdrawal"] as const) {
      expect((await post(await signed(5, live, what), null)).status).toBe(409)
    }
    const said = { what: "pointer", at: Date.now(), by: "eve", why: "me too", kid: "another", jws: "" } as const
    const outcome = await publications(env).publish({ ...said, seq: 5, digest: live.digest })
    expect(outcome).toMatchObject({ outrun: { seq: 5, live: { digest: live.digest } } })
    expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
  })

  test("under the same number by another statement about the same body, of which the history would have nothing", async () => {
    const live = await liveYard()
    const [first] = (await history()).history
    if (!first) throw new Error("nothing was published")
    const { what, by, why, at, kid } = first
    for (const other of [{ by: "eve" }, { why: "me too" }, { at: at + 1_000 }, {}]) {
      const said = { what, seq: 5, digest: live.digest, by, why, at, kid, jws: "", ...other }
      const isSame = Object.keys(other).length === 0
      expect(await publications(env).publish(said)).toMatchObject(
        isSame ? { published: first } : { outrun: { seq: 5 } },
      )
    }
    expect((await history()).history).toHaveLength(1)
  })

  test("under a number that would use up all others: it is said, and the next one is still there", async () => {
    const live = await liveYard()
    const other = await made(await yardWithout("files.read"))
    for (const seq of [1_000_006, Number.MAX_SAFE_INTEGER]) {
      const { status, json } = await post(await signed(seq, other), other.bytes)
      expect([status, json]).toMatchObject([400, { error_description: expect.stringContaining("too far above 5") }])
    }
    expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
    expect((await post(await signed(6, other), other.bytes)).status).toBe(200)
  })

  test("by whoever has seen a publication: the same one changes nothing, then or later", async () => {
    const [first, second] = [await made(await yard()), await made(await yardWithout("files.read"))]
    const seen = await signed(1, first)
    await post(seen, first.bytes)
    expect((await post(seen, null)).status).toBe(200)
    await post(await signed(2, second), second.bytes)
    expect((await post(seen, first.bytes)).status).toBe(409)
    expect(await deciding()).toEqual({ seq: 2, digest: second.digest })
  })

  test("through a gateway's key, whatever else comes along", async () => {
    const { bytes, digest } = await made(await yard())
    const headers = { "X-Narrowgate-Key": keyOf("envoy") }
    // Without a bundle nobody can say whose key it is.
    expect((await post(await signed(1, { digest }), bytes, headers)).status).toBe(503)
    expect(await deciding()).toBeNull()
    const live = await liveYard()
    forgetCaches()
    expect((await post(await signed(6, { digest }), bytes, headers)).status).toBe(403)
    expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
  })

  test.each(["the body", "the pointer"])(
    "while KV does not take %s; the same statement does it once it does",
    async (what) => {
      const live = await liveYard()
      const other = await made(await yardWithout("files.read"))
      const statementOfSix = await signed(6, other)
      const put = env.BUNDLES.put.bind(env.BUNDLES)
      const isMeant = (key: string): boolean => (what === "the body" ? key.startsWith("body/") : key === "pointer")
      const broken = vi
        .spyOn(Object.getPrototypeOf(env.BUNDLES), "put")
        .mockImplementation(async (...args: unknown[]) => {
          if (isMeant(String(args[0]))) throw new Error("out of reach, by a test")
          return Reflect.apply(put, env.BUNDLES, args)
        })
      expect((await post(statementOfSix, other.bytes)).status).toBe(503)
      expect(await deciding()).toEqual({ seq: 5, digest: live.digest })
      broken.mockRestore()
      const [latest] = (await history()).history
      expect(latest).toMatchObject(what === "the body" ? { seq: 5, done: true } : { seq: 6, done: false })
      expect((await post(statementOfSix, other.bytes)).status).toBe(200)
      expect(await deciding()).toEqual({ seq: 6, digest: other.digest })
    },
  )
})

test("of twenty who publish at once under one number, one does", async () => {
  const all = await Promise.all(
    Array.from({ length: 20 }, async (_, index) =>
      made({
        ...(await yard()),
        guardrails: [window({ id: `w${index}`, tools: ["*"], per: "tree", limit: 1, seconds: 1 })],
      }),
    ),
  )
  const answers = await Promise.all(all.map(async (one) => post(await signed(1, one), one.bytes)))
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    200,
    ...Array.from({ length: 19 }, () => 409),
  ])
  const winner = all[answers.findIndex(({ status }) => status === 200)]
  expect(await deciding()).toEqual({ seq: 1, digest: winner?.digest })
})

describe("the history", () => {
  test("is told to a publisher by their key, where no operator can log in any more", async () => {
    const { bytes, digest } = await made({ ...(await yard()), operators: [] })
    await post(await signed(1, { digest }), bytes)
    expect((await manage("GET", "/v1/bundles", await bearerOf("viewer"))).status).toBe(401)
    const ask = async (question: string) => manage("GET", "/v1/bundles", null, { "X-Narrowgate-Publication": question })
    const { status, json } = await ask(await signHistoryQuestion(inject("publisher"), US))
    expect([status, bundles.parse(json).live?.digest]).toEqual([200, digest])
    const { privateJwk } = await generatePublisherKey()
    for (const wrong of [await signHistoryQuestion(privateJwk, US), await signed(2, { digest }), "", "x.y.z"]) {
      expect((await ask(wrong)).status).toBe(401)
    }
  })
})

test("a pointer that KV takes late undoes nothing that was published since", async () => {
  const [first, second] = [await made(await yard()), await made(await yardWithout("files.read"))]
  const late = await signed(1, first)
  await post(late, first.bytes)
  const last = await signed(2, second)
  await post(last, second.bytes)
  await env.BUNDLES.put("pointer", late)
  expect(await deciding()).toEqual({ seq: 2, digest: second.digest })
  expect(await runDurableObjectAlarm(publications(env))).toBe(true)
  expect(await env.BUNDLES.get("pointer")).toBe(last)
})

test("nor does what puts it right undo what KV has of a higher number, however it came there", async () => {
  const [first, second] = [await made(await yard()), await made(await yardWithout("files.read"))]
  await post(await signed(1, first), first.bytes)
  await env.BUNDLES.put(bodyKey(second.digest), second.bytes)
  await env.BUNDLES.put("pointer", await signed(2, second))
  expect(await runDurableObjectAlarm(publications(env))).toBe(true)
  expect(await deciding()).toEqual({ seq: 2, digest: second.digest })
})

test("nor does what puts it right undo what is published at that moment", async () => {
  const [first, second] = [await made(await yard()), await made(await yardWithout("files.read"))]
  const late = await signed(1, first)
  await post(late, first.bytes)
  await post(await signed(2, second), second.bytes)
  await env.BUNDLES.put("pointer", late)
  const get = env.BUNDLES.get.bind(env.BUNDLES)
  let isLooking = false
  vi.spyOn(Object.getPrototypeOf(env.BUNDLES), "get").mockImplementationOnce(async (...args: unknown[]) => {
    const found: unknown = await Reflect.apply(get, env.BUNDLES, args)
    isLooking = true
    await new Promise((resolve) => setTimeout(resolve, 300))
    return found
  })
  const alarm = runInDurableObject(publications(env), async (object) => object.alarm())
  await vi.waitFor(() => expect(isLooking).toBe(true), { interval: 10 })
  expect((await post(await signed(3, first), first.bytes)).status).toBe(200)
  await alarm
  expect(await deciding()).toEqual({ seq: 3, digest: first.digest })
})
