/** What the tests hold every answer of the Worker against: each way to depart from it is noticed. */
import { expect, test } from "vitest"
import { described, undescribed } from "../../harness/description.ts"
import { US } from "../../harness/issuers.ts"

const DECISION = { "X-Narrowgate-Decision": "dec_1" }
const lifted = { id: "swi_1", lifted: true }

/** What is found if this is the answer. */
async function foundIn(
  response: Response,
  path = "/v1/revocations/swi_1",
  method = "DELETE",
  body: string | null = null,
) {
  await described(async () => response)(new Request(US + path, { method, body }))
  return undescribed()
}

test("what is described is nothing to speak of", async () => {
  expect(await foundIn(Response.json(lifted, { headers: DECISION }))).toEqual([])
})

interface Departure {
  readonly what: string
  readonly says: RegExp
  readonly response: () => Response
  readonly path?: string
  readonly method?: string
  readonly body?: string
}

test.each<Departure>([
  { what: "a status", says: /the status is not described/, response: () => Response.json({}, { status: 418 }) },
  { what: "a member", says: /Unrecognized key: "more"/, response: () => Response.json({ ...lifted, more: 1 }) },
  { what: "that a member is missing", says: /lifted/, response: () => Response.json({ id: "swi_1" }) },
  {
    what: "a media type",
    says: /text\/html is not described/,
    response: () => new Response("<p>", { headers: { "Content-Type": "text/html" } }),
  },
  { what: "an empty answer", says: /a body is described/, response: () => new Response(null) },
  {
    what: "a code",
    says: /error/,
    response: () =>
      Response.json({ error: "malformed_call", error_description: "", decision_id: "dec_1" }, { status: 400 }),
  },
  {
    what: "an operation",
    says: /there is no such operation/,
    response: () => Response.json({}),
    path: "/v1/nothing",
    method: "GET",
  },
  { what: "a method", says: /there is no such operation/, response: () => Response.json(lifted), method: "POST" },
  {
    what: "a member of a request that is granted",
    says: /Unrecognized key: "agnet"/,
    response: () => Response.json({ known: true, nearest: [], hits: { tools: null, recent: null } }),
    path: "/v1/revocations",
    method: "POST",
    body: '{"agnet":"a"}',
  },
  {
    what: "a parameter of a query",
    says: /owner is not described/,
    response: () => Response.json({ decisions: [] }),
    path: "/v1/decisions?owner=a",
    method: "GET",
  },
])("$what that is not described is found", async ({ says, response, path, method, body }) => {
  expect(await foundIn(response(), path, method, body ?? null)).toEqual([expect.stringMatching(says)])
})
