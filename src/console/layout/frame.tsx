/** The frame of the console's pages, with the sections that their reader may open. */
import type { FC, PropsWithChildren } from "hono/jsx"
import { Page, respondPage } from "../../web/page.tsx"
import { descriptionOf, isOperator, type ApiResponse, type PageRequest, type Readers } from "./page-request.ts"
import { SECTIONS } from "./sections.ts"

interface FrameProps {
  readonly title: string
  readonly request: PageRequest
  readonly narrow?: boolean
  readonly scripts?: readonly string[]
}

export const ConsolePage: FC<PropsWithChildren<FrameProps>> = ({ title, request, narrow, scripts, children }) => (
  <Page
    title={title}
    reader={request.reader}
    sections={request.sections}
    current={SECTIONS[request.section].href}
    {...(narrow !== undefined && { narrow })}
    {...(scripts && { scripts })}
  >
    {children}
  </Page>
)

/** The page that says why the API did not answer 200. */
export function failurePage(request: PageRequest, response: ApiResponse): Promise<Response> {
  const { status } = response
  const text = descriptionOf(response) ?? "The API gave an answer that this page cannot read."
  return messagePage(request, TITLES.get(status) ?? "Something went wrong", text, status)
}

/** The page to which the reader's roles do not suffice. */
export function notPermitted(request: PageRequest, required: Readers): Promise<Response> {
  return isOperator(request.reader)
    ? messagePage(request, "You do not have permission", `The role ${required} is required.`, 403)
    : messagePage(request, "Operators only", NO_ROLE, 401)
}

function messagePage(request: PageRequest, title: string, text: string, status: number): Promise<Response> {
  const { href } = SECTIONS[request.section]
  const back = request.sections.some((section) => section.href === href) ? href : SECTIONS.approvals.href
  return respondPage(
    <ConsolePage title={title} request={request} narrow>
      <h1>{title}</h1>
      <p>{text}</p>
      <p>
        <a href={back}>Back</a>
      </p>
    </ConsolePage>,
    { status },
  )
}

const NO_ROLE = "Your account has no operator role. Your own approvals are under Approvals."

const TITLES: ReadonlyMap<number, string> = new Map([
  [400, "The request is not valid"],
  [401, "Your session has ended"],
  [403, "You do not have permission"],
  [404, "Not found"],
  [503, "Temporarily unavailable"],
])
