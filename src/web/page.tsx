/**
 * The frame of our own pages, and the headers of their responses: no script or style but our own, no framing, no form to
 * another origin, no caching. All text goes through JSX, which escapes it.
 */
import { html } from "hono/html"
import type { Child, FC, PropsWithChildren } from "hono/jsx"

export interface Reader {
  /** The name that the page shows. */
  readonly name: string
  readonly csrf: string
}

export interface Section {
  readonly href: string
  readonly text: string
}

interface PageProps {
  readonly title: string
  /** Null if no user is signed in. */
  readonly reader?: Reader | null
  readonly sections?: readonly Section[]
  /** The `href` of the section that the page belongs to. */
  readonly current?: string
  /** Whether the page is narrow, for text that is read and answered. */
  readonly narrow?: boolean
  /** The paths of our own scripts. */
  readonly scripts?: readonly string[]
}

export const STYLE_PATH = "/console/style.css"

export const Page: FC<PropsWithChildren<PageProps>> = ({
  title,
  reader = null,
  sections = [],
  current,
  narrow = false,
  scripts = [],
  children,
}) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <title>{`${title} · Narrowgate`}</title>
      <link rel="icon" href="/console/icon.svg" type="image/svg+xml" />
      <link rel="stylesheet" href={STYLE_PATH} />
      {scripts.map((path) => (
        <script src={path} defer />
      ))}
    </head>
    <body>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <div>
          <a class="brand" href="/console">
            <Mark />
            Narrowgate
          </a>
          {sections.length > 0 && (
            <nav aria-label="Console">
              <ul>
                {sections.map(({ href, text }) => (
                  <li>
                    <a href={href} {...(href === current && { "aria-current": "page" as const })}>
                      {text}
                    </a>
                  </li>
                ))}
              </ul>
            </nav>
          )}
          {reader && (
            <div class="who">
              <span>{reader.name}</span>
              <form method="post" action="/sign-out">
                <input type="hidden" name="csrf" value={reader.csrf} />
                <button class="plain">Sign out</button>
              </form>
            </div>
          )}
        </div>
      </header>
      <main id="main" class={narrow ? "narrow" : ""}>
        {children}
      </main>
    </body>
  </html>
)

/** The outline of a gate, in 32 by 32. */
const GATE = "M4 28V14a12 12 0 0 1 24 0v14h-7V16a5 5 0 0 0-10 0v12z"

const Mark: FC = () => (
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <path d={GATE} fill="currentColor" />
  </svg>
)

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="${GATE}" fill="#3b6fd8"/></svg>`

interface PageOptions {
  readonly status?: number
  /** Origins to which the response to a form of the page may redirect (CSP 3, `form-action`). */
  readonly formTargets?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** The response with a page. */
export async function respondPage(
  content: Child,
  { status = 200, formTargets = [], headers = {} }: PageOptions = {},
): Promise<Response> {
  const text = await html`<!doctype html>${content}`
  return new Response(text.toString(), {
    status,
    headers: { ...SECURITY_HEADERS, "Content-Security-Policy": policyFor(formTargets), ...headers },
  })
}

function policyFor(formTargets: readonly string[]): string {
  const forms = ["'self'", ...formTargets].join(" ")
  return (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
    `form-action ${forms}; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'`
  )
}

const SECURITY_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  // With `no-referrer` the browser would send our own forms with `Origin: null`.
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Strict-Transport-Security": "max-age=31536000",
} as const

/** Redirects after a form (303): the browser requests the page by GET, so that a reload repeats nothing. */
export function seeOther(location: string, headers: Readonly<Record<string, string>> = {}): Response {
  // A program may have opened this window to wait for its answer. A `same-origin` policy would cut it off, and a redirect
  // shows nothing that the policy could protect from the opener.
  const { "Content-Type": _type, "Cross-Origin-Opener-Policy": _opener, ...secure } = SECURITY_HEADERS
  return new Response(null, { status: 303, headers: { ...secure, Location: location, ...headers } })
}

/** A page with a single message. */
export function plainPage(
  title: string,
  text: Child,
  answer: PageOptions & Pick<PageProps, "reader"> = {},
): Promise<Response> {
  const { reader = null, ...rest } = answer
  return respondPage(
    <Page title={title} reader={reader} narrow>
      <h1>{title}</h1>
      {text}
    </Page>,
    rest,
  )
}
