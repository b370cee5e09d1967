/** A page of the console, with the sections that its reader may open. */
import type { Child, FC, PropsWithChildren } from "hono/jsx"
import { Page, respondPage } from "../../web/page.tsx"
import { descriptionOf, isOperator, type ApiResponse, type PageRequest, type SignedInUser } from "./visit.tsx"

export const SECTIONS = [
  { href: "/console/approvals", text: "Approvals", isFor: "anybody" },
  { href: "/console/live", text: "Live", isFor: "operators" },
  { href: "/console/tasks", text: "Tasks", isFor: "operators" },
  { href: "/console/agents", text: "Agents", isFor: "operators" },
  { href: "/console/policies", text: "Policies", isFor: "operators" },
  { href: "/console/stop", text: "Stop", isFor: "operators" },
] as const
export type SectionPath = (typeof SECTIONS)[number]["href"]

export function sectionsFor(visitor: SignedInUser): readonly (typeof SECTIONS)[number][] {
  return SECTIONS.filter(({ isFor }) => isFor === "anybody" || isOperator(visitor))
}

const isForOperators = (section: SectionPath): boolean =>
  SECTIONS.some(({ href, isFor }) => href === section && isFor === "operators")

interface Framed {
  readonly title: string
  readonly visit: PageRequest
  readonly section?: SectionPath
  readonly narrow?: boolean
  readonly scripts?: readonly string[]
}

export const ConsolePage: FC<PropsWithChildren<Framed>> = ({ title, visit, section, narrow, scripts, children }) => (
  <Page
    title={title}
    reader={visit.visitor}
    sections={sectionsFor(visit.visitor)}
    {...(section && { current: section })}
    {...(narrow !== undefined && { narrow })}
    {...(scripts && { scripts })}
  >
    {children}
  </Page>
)

/** What the API did not answer as it was asked to, said to its reader. */
export function apology(visit: PageRequest, section: SectionPath, said: ApiResponse): Promise<Response> {
  const { status } = said
  const isStranger = status === 401 && !isOperator(visit.visitor) && isForOperators(section)
  const title = isStranger ? "This is for operators" : (TITLES.get(status) ?? "It did not work")
  const text: Child = isStranger
    ? "Nobody has given you a role here (operators.yaml). What you are asked yourself is under Approvals."
    : (descriptionOf(said) ?? "The API answered in a way that this page does not know.")
  return respondPage(
    <ConsolePage title={title} visit={visit} section={section} narrow>
      <h1>{title}</h1>
      <p>{text}</p>
      <p>
        <a href={section}>Back</a>
      </p>
    </ConsolePage>,
    { status },
  )
}

const TITLES: ReadonlyMap<number, string> = new Map([
  [400, "That was not understood"],
  [401, "You are not signed in any more"],
  [403, "You may not do that"],
  [404, "There is nothing here, or not any more"],
  [503, "Not now"],
])
