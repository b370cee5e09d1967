/** The links from a page of a list to the next page, and back to the first. */
import type { FC } from "hono/jsx"
import type { PageRequest } from "./page-request.ts"

interface PageLink {
  readonly href: string
  readonly text: string
}

interface PagingProps {
  /** False on the first page. */
  readonly first: PageLink | false
  /** False, or undefined, on the last page. */
  readonly next: PageLink | false | undefined
}

export const Paging: FC<PagingProps> = ({ first, next }) => (
  <p class="row">
    {first && <a href={first.href}>{first.text}</a>}
    {next && (
      <a class="end" href={next.href}>
        {next.text}
      </a>
    )}
  </p>
)

/** How many entries come before this page, by the query parameter `from`; 0 if it is absent or not a number. */
export function fromIn({ c }: PageRequest): number {
  return Math.max(0, Number.parseInt(c.req.query("from") ?? "0", 10) || 0)
}
