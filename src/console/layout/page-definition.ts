/**
 * What one page of the console is. Each page describes itself in its own file, and `PAGES` (pages.ts) lists it; the
 * console derives from that its routes, its navigation, and who may open it.
 */
import type { Form } from "../../web/form.ts"
import type { PageRequest, Readers } from "./page-request.ts"
import type { SectionName } from "./sections.ts"

export interface PageDefinition {
  /** Below `/console`, with parameters as Hono writes them. */
  readonly path: `/${string}`
  readonly section: SectionName
  /** Who may open the page. The API authorizes each of its requests besides: a page has no authority of its own. */
  readonly readers: Readers
  readonly view: (request: PageRequest) => Promise<Response>
  /** What the forms of the page do. */
  readonly forms?: readonly FormDefinition[]
  /** The answer to a browser without a session; by default it is sent to the sign-in, and returns to the page. */
  readonly signedOut?: () => Response
}

export interface FormDefinition {
  /** Below `/console`: where the form is sent. By default to its page. */
  readonly path?: `/${string}`
  /** Who may send the form. */
  readonly senders: Readers
  /** Below `/console`: where its sender returns to after a sign-in. By default to its page. */
  readonly returnTo?: `/${string}`
  readonly act: (request: PageRequest, form: Form) => Promise<Response>
}
