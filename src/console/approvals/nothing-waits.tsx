/** Where nothing waits for whoever reads it, or not any more. */
import { respondPage } from "../../web/page.tsx"
import { ConsolePage } from "../layout/frame.tsx"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"

/** @param refused whether they have tried to answer */
export function nothingWaits(request: PageRequest, refused: boolean, text: string): Promise<Response> {
  return respondPage(
    <ConsolePage title="Nothing waits here" request={request} narrow>
      <h1>{refused ? "It is over" : "Nothing waits here"}</h1>
      <p>{text}</p>
      <p>
        <a class="button" href={SECTIONS.approvals.href}>
          To what waits for you
        </a>
      </p>
    </ConsolePage>,
    { status: 404 },
  )
}
