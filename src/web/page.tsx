/**
 * The frame of our own pages, and the headers under which they go out: no script or style but our own, no frame round
 * them, no form to elsewhere, nothing kept by a cache. All text goes through JSX, which escapes it.
 */
import { html } from "hono/html"
import type { Child, FC, PropsWithChildren } from "hono/jsx"

export interface Reader {
  /** How the person is called here. */
  readonly name: string
  readonly csrf: string
}

export interface Section {
  readonly href: string
  readonly text: string
}

interface Frame {
  readonly title: string
  /** Null: nobody is signed in. */
  readonly reader?: Reader | null
  readonly sections?: readonly Section[]
  /** `href` of the section that this page is of. */
  readonly current?: string
  /** Less wide: something to be read and answered. */
  readonly narrow?: boolean
  /** Files of our own scripts. */
  readonly scripts?: readonly string[]
}

export const STYLE_PATH = "/console/style.css"

export const Page: FC<PropsWithChildren<Frame>> = ({
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
        To the content
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

/** A gate, in 32 by 32. */
const GATE = "M4 28V14a12 12 0 0 1 24 0v14h-7V16a5 5 0 0 0-10 0v12z"

const Mark: FC = () => (
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <path d={GATE} fill="currentColor" />
  </svg>
)

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="${GATE}" fill="#3b6fd8"/></svg>`

interface PageOptions {
  readonly status?: number
  /** Origins to which the answer to a form of the page may send the browser on (CSP 3, `form-action`). */
  readonly formTargets?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** The page as an answer. */
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
  // With less than this a form of ours would come with the origin `null`.
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Strict-Transport-Security": "max-age=31536000",
} as const

/** Where something was done: the browser asks for the page anew, and a reload repeats nothing. */
export function seeOther(location: string, headers: Readonly<Record<string, string>> = {}): Response {
  // Nothing is shown yet that an opener could be kept from: a program that has opened a window for its answer must have it
  // still when the browser comes back to it.
  const { "Content-Type": _type, "Cross-Origin-Opener-Policy": _opener, ...secure } = SECURITY_HEADERS
  return new Response(null, { status: 303, headers: { ...secure, Location: location, ...headers } })
}

/** A page that says one thing. */
export function plainPage(
  title: string,
  text: Child,
  answer: PageOptions & Pick<Frame, "reader"> = {},
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
