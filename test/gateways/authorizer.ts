/** An authorizer that fails in every way, or answers what Narrowgate would, and tells what it was asked. */
import { createServer } from "node:http"
import { buffer } from "node:stream/consumers"
import { listen, type Listening } from "../../dev/loopback.ts"
import { pairs, type Received } from "./upstream.ts"

export interface Said {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}
/** `never`: it hears the question out, and says nothing. `cut`: it hangs up instead of an answer. */
export type Behaviour = Said | "never" | "cut"

export interface StubAuthorizer extends Listening {
  readonly asked: Received[]
  answer: Behaviour
}

export const IDENTITY = {
  "X-Narrowgate-Agent": "spiffe://example.org/agent/support",
  "X-Narrowgate-User": "alice",
  "X-Narrowgate-Task": "tsk_1",
  "X-Narrowgate-Purpose": "triage-ticket",
  "X-Narrowgate-Tool": "crm.tickets.get",
  "X-Narrowgate-Decision": "dec_1",
  "Txn-Token": "signed.by.narrowgate",
}

export const ALLOW: Said = {
  status: 200,
  headers: { ...IDENTITY, "Cache-Control": "no-store", RateLimit: '"w";r=1;t=60', "RateLimit-Policy": '"w";q=2;w=60' },
}

/** @param port 0: a free one */
export async function startStub(port = 0): Promise<StubAuthorizer> {
  const server = createServer({ maxHeaderSize: 65_536 }, async (request, response) => {
    const body = await buffer(request).catch(() => undefined)
    if (body === undefined) return
    const { method = "", url: target = "" } = request
    stub.asked.push({ method, target, headers: pairs(request.rawHeaders), body: body.toString("latin1") })
    const { answer } = stub
    if (answer === "cut") request.socket.destroy()
    else if (answer !== "never") response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  const stub: StubAuthorizer = { ...(await listen(server, port)), asked: [], answer: ALLOW }
  return stub
}
