/** The page at the address of an approval that does not wait for the reader, or no longer does. */
import { respondPage } from "../../web/page.tsx"
import { ConsolePage } from "../layout/frame.tsx"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"

/** @param answered whether the reader has tried to answer it */
export function approvalNotFound(request: PageRequest, answered: boolean, text: string): Promise<Response> {
  return respondPage(
    <ConsolePage title={answered ? "Approval expired" : "No approval here"} request={request} narrow>
      <h1>{answered ? "Approval expired" : "No approval here"}</h1>
      <p>{text}</p>
      <p>
        <a class="button" href={SECTIONS.approvals.href}>
          View your approvals
        </a>
      </p>
    </ConsolePage>,
    { status: 404 },
  )
}
