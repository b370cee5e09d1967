/**
 * Asked and answering as Narrowgate is, it decides nothing: what its contract costs anybody. The question's headers are read,
 * the object is asked with as much and within a time-out, all identity headers go out, and a record of each call goes to a log,
 * so many at once. Nothing sends the last few: it is only ever asked by a load that goes on.
 */
import { DurableObject } from "cloudflare:workers"
import { Hono } from "hono"

/** Of each kind as much as of a guarded read: see `ask` in src/gateway/authorize.ts, `Answer`, and a record in the log. */
const QUESTION = {
  decisionId: "dec_01M8BAZ7QHTVB2AWCHFW3ZCYDQ",
  token: "b0b0b0b0-0000-4000-8000-000000000000",
  proof: null,
  tool: "crm.tickets.get",
  arguments: { complete: true, values: { ticket: "T-1" } },
  gateway: "bench",
  environment: "production",
  client: { country: null, network: null },
  retry: null,
  risks: { agent: null, user: null },
  method: "GET",
  path: "/crm/tickets/T-1",
  segments: ["crm", "tickets", "T-1"],
  mode: "enforce",
  size: 16,
  tokenHash: "0123456789abcdef",
  candidate: null,
} as const
const WINDOWS = ["whole-tree", "task-tickets", "each-tool"].map((window) => ({ window, limit: 100_000, seconds: 10 }))
const ANSWER = {
  denial: null,
  retryOf: null,
  agent: "spiffe://bench.example/agent/desk",
  user: "https://idp.bench.example|user-1",
  purpose: "answer-ticket",
  recorded: true,
} as const
const RECORD = {
  kind: "call",
  decision: "allow",
  code: "ok",
  sensitivity: "internal",
  action: "read",
  arguments_hash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  bundle: { seq: 1, digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  rules: ["users-read", "agents-read"],
  guardrails: ["no-ticket-after-customers", "work"].map((guardrail) => ({ guardrail, kind: "limit", holds: true })),
} as const

type Question = typeof QUESTION & { readonly task: string; readonly receivedAt: number }

const READ = [
  "x-narrowgate-key",
  "x-forwarded-method",
  "x-forwarded-uri",
  "x-forwarded-host",
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "content-encoding",
  "authorization",
  "dpop",
  "x-request-id",
]
const TIMEOUT_MS = 5_000
const BATCH = 200
/** Calls whose count is written as one. */
const BLOCK = 64

interface Bound {
  readonly LEDGER: DurableObjectNamespace<Counting>
  readonly LOG: DurableObjectNamespace<Keeping>
}

export class Keeping extends DurableObject<Bound> {
  constructor(ctx: DurableObjectState, env: Bound) {
    super(ctx, env)
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
  }

  append(batch: string): void {
    this.ctx.storage.sql.exec("INSERT INTO batches (body) VALUES (?)", batch)
  }
}

/** Of all objects in this isolate. */
let records: string[] = []

export class Counting extends DurableObject<Bound> {
  #count = 0

  constructor(ctx: DurableObjectState, env: Bound) {
    super(ctx, env)
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counts (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)")
  }

  /** @returns JSON, as Narrowgate's ledger does */
  decide(question: Question): string {
    this.#count += 1
    if (this.#count % BLOCK === 0)
      this.ctx.storage.sql.exec("INSERT OR REPLACE INTO counts VALUES (1, ?)", this.#count + BLOCK)
    const windows = WINDOWS.map(({ window, limit, seconds }) => ({
      window,
      limit,
      seconds,
      used: this.#count,
      asked: 1,
      waits: 0,
    }))
    records.push(JSON.stringify({ ...question, ...RECORD, at: Date.now(), number: this.#count, windows }))
    if (records.length >= BATCH) {
      const batch = records
      records = []
      this.ctx.waitUntil(this.env.LOG.getByName("log").append(`[${batch.join(",")}]`))
    }
    return JSON.stringify({ ...ANSWER, windows })
  }

  read(): number {
    return this.#count
  }
}

const app = new Hono<{ Bindings: Bound }>()

app.all("/count/:name", async (c) => {
  const { headers } = c.req.raw
  const read = READ.map((name) => headers.get(name))
  if (read[0] === null) return c.text("nobody asks", 401)
  const task = c.req.param("name")
  const question = { ...QUESTION, task, receivedAt: Date.now() }
  const said = await inTime(c.env.LEDGER.getByName(task).decide(question))
  if (said === null) return c.text("no answer", 503)
  const answer: typeof ANSWER & {
    readonly windows: readonly ((typeof WINDOWS)[number] & { readonly used: number })[]
  } = JSON.parse(said)
  return new Response(null, {
    headers: {
      "Cache-Control": "no-store",
      "X-Narrowgate-Agent": answer.agent,
      "X-Narrowgate-User": answer.user,
      "X-Narrowgate-Task": task,
      "X-Narrowgate-Purpose": answer.purpose,
      "X-Narrowgate-Tool": question.tool,
      "X-Narrowgate-Decision": question.decisionId,
      "Txn-Token": "",
      "RateLimit-Policy": answer.windows
        .map(({ window, limit, seconds }) => `"${window}";q=${limit};w=${seconds}`)
        .join(", "),
      RateLimit: answer.windows
        .map(({ window, limit, used, seconds }) => `"${window}";r=${limit - used};t=${seconds}`)
        .join(", "),
    },
  })
})
// For the guard: what the objects counted must be what was answered.
app.get("/read/:name", async (c) => c.text(String(await c.env.LEDGER.getByName(c.req.param("name")).read())))

export default app

async function inTime<Reply>(asked: Promise<Reply>): Promise<Reply | null> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), TIMEOUT_MS)
  })
  try {
    return await Promise.race([asked, timeout])
  } finally {
    clearTimeout(timer)
  }
}
