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

type Row = readonly [
  what: string,
  says: RegExp,
  response: () => Response,
  path?: string,
  method?: string,
  body?: string,
]

const UNDESCRIBED: readonly Row[] = [
  ["a status", /the status is not described/, () => Response.json({}, { status: 418 })],
  ["a member", /Unrecognized key: "more"/, () => Response.json({ ...lifted, more: 1 })],
  ["that a member is missing", /lifted/, () => Response.json({ id: "swi_1" })],
  [
    "a media type",
    /text\/html is not described/,
    () => new Response("<p>", { headers: { "Content-Type": "text/html" } }),
  ],
  ["an empty answer", /a body is described/, () => new Response(null)],
  [
    "a code",
    /error/,
    () => Response.json({ error: "malformed_call", error_description: "", decision_id: "dec_1" }, { status: 400 }),
  ],
  ["an operation", /there is no such operation/, () => Response.json({}), "/v1/nothing", "GET"],
  ["a method", /there is no such operation/, () => Response.json(lifted), "/v1/revocations/swi_1", "POST"],
  [
    "a member of a request that is granted",
    /Unrecognized key: "agnet"/,
    () => Response.json({ known: true, nearest: [], hits: { tools: null, recent: null } }),
    "/v1/revocations",
    "POST",
    '{"agnet":"a"}',
  ],
  [
    "a parameter of a query",
    /owner is not described/,
    () => Response.json({ decisions: [] }),
    "/v1/decisions?owner=a",
    "GET",
  ],
]

test.each(UNDESCRIBED.map((row) => ({ what: row[0], row })))(
  "$what that is not described is found",
  async ({ row }) => {
    const [, says, response, path, method, body] = row
    expect(await foundIn(response(), path, method, body ?? null)).toEqual([expect.stringMatching(says)])
  },
)
