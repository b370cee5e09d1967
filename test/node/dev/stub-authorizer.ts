/** An authorizer that answers what a test tells it to, and remembers what it was asked. */
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { type Listening, listen } from "../../../dev/loopback.ts"

export interface Question {
  readonly method: string
  readonly url: string
  /** Lower-case names; repeated ones keep their own places. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export interface StubAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface StubAuthorizer extends Listening {
  readonly asked: Question[]
}

export const ALLOW: StubAnswer = {
  status: 200,
  headers: {
    "x-narrowgate-agent": "spiffe://example.org/agent/support",
    "x-narrowgate-user": "alice",
    "x-narrowgate-decision": "dec_1",
    "txn-token": "signed.by.narrowgate",
  },
}

export async function startStub(answer: (question: Question) => StubAnswer): Promise<StubAuthorizer> {
  const asked: Question[] = []
  const server = createServer(async (request, response) => {
    const headers: [string, string][] = []
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      headers.push([request.rawHeaders[index]?.toLowerCase() ?? "", request.rawHeaders[index + 1] ?? ""])
    }
    const question = { method: request.method ?? "", url: request.url ?? "", headers, body: await text(request) }
    asked.push(question)
    const { status, headers: said, body } = answer(question)
    response.writeHead(status, said).end(body)
  })
  return { ...(await listen(server, 0)), asked }
}

export function values(question: Question | undefined, name: string): string[] {
  return (question?.headers ?? []).filter(([other]) => other === name).map(([, value]) => value)
}
