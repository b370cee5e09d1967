/** What an authorizer may do instead of deciding, or somebody in its place: nothing passes. */
import type { Outcome } from "./cases.ts"
import { IDENTITY, type Behaviour } from "./authorizer.ts"

export interface Failure {
  readonly name: string
  readonly answer: Behaviour
  readonly expected: Outcome
}

const { "X-Narrowgate-Decision": _decision, ...UNDECIDED } = IDENTITY

/** As src/bundles/ownership.ts answers, which knows no gateway and so no dialect. */
const UNCLAIMED: Behaviour = {
  status: 503,
  headers: { "Cache-Control": "no-store", "Retry-After": "5", "X-Narrowgate-Code": "unavailable" },
  body: '{"error":"unclaimed"}',
}

export const FAILURES: readonly Failure[] = [
  { name: "answers 500", answer: { status: 500, body: "x" }, expected: "500" },
  { name: "has no owner yet", answer: UNCLAIMED, expected: "503 unavailable" },
  { name: "answers 404", answer: { status: 404, body: "x" }, expected: "500" },
  { name: "sends elsewhere", answer: { status: 302, headers: { Location: "/crm/tickets/42" } }, expected: "500" },
  { name: "answers 204 with an identity", answer: { status: 204, headers: IDENTITY }, expected: "500" },
  { name: "is somebody else, who answers 200", answer: { status: 200, body: "hello" }, expected: "500" },
  {
    name: "answers 200 with an identity and no decision",
    answer: { status: 200, headers: { ...UNDECIDED } },
    expected: "500",
  },
  { name: "hangs up", answer: "cut", expected: "500" },
  { name: "says nothing", answer: "never", expected: "500" },
]
