/**
 * A form that a person sends from one of our own pages: it comes from our origin, as the browser says, and brings what
 * only a page of their own session was given. Either alone would do; a page of elsewhere has neither.
 */
import { boundedText } from "../platform/request-body.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import type { SignedIn } from "./session.ts"

const MAX_BODY_BYTES = 262_144
const MAX_FIELDS = 6_000

export type Form = URLSearchParams
/** What of it is not as it has to be. */
export type FormRefused = { readonly refused: "origin" | "csrf" | "body" }

/** @param issuer our own URL */
export async function readForm(request: Request, session: SignedIn, issuer: string): Promise<Form | FormRefused> {
  const { headers } = request
  const site = headers.get("sec-fetch-site")
  if (headers.get("origin") !== new URL(issuer).origin || (site !== null && site !== "same-origin")) {
    return { refused: "origin" }
  }
  const [type] = (headers.get("content-type") ?? "").split(";", 1)
  const text = type?.trim().toLowerCase() === "application/x-www-form-urlencoded" ? await bodyOf(request) : null
  if (text === null || hasManyFields(text)) return { refused: "body" }
  const form = new URLSearchParams(text)
  const [given, ...others] = form.getAll("csrf")
  const isTheirs = given !== undefined && others.length === 0 && isSame(given, session.csrf)
  return isTheirs ? form : { refused: "csrf" }
}

/** Counted before the text is parsed, which costs far more. */
function hasManyFields(text: string): boolean {
  let fields = 1
  for (let at = text.indexOf("&"); at !== -1 && fields <= MAX_FIELDS; at = text.indexOf("&", at + 1)) fields += 1
  return fields > MAX_FIELDS
}

const bodyOf = async (request: Request): Promise<string | null> => boundedText(request, MAX_BODY_BYTES)
