/**
 * Reads a form that a user sends from one of our own pages. The `Origin` must be ours, and the form must contain the CSRF
 * token of the session. Each of the two alone prevents cross-site request forgery.
 */
import { boundedText } from "../platform/request-body.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import type { SignedIn } from "./session.ts"

const MAX_BODY_BYTES = 262_144
const MAX_FIELDS = 6_000

export type Form = URLSearchParams
/** What is wrong with the form. */
export type FormRejection = { readonly refused: "origin" | "csrf" | "body" }

/** @param issuer our own URL */
export async function readForm(request: Request, session: SignedIn, issuer: string): Promise<Form | FormRejection> {
  const { headers } = request
  const site = headers.get("sec-fetch-site")
  if (headers.get("origin") !== new URL(issuer).origin || (site !== null && site !== "same-origin")) {
    return { refused: "origin" }
  }
  const [type] = (headers.get("content-type") ?? "").split(";", 1)
  const text = type?.trim().toLowerCase() === "application/x-www-form-urlencoded" ? await bodyOf(request) : null
  if (text === null || hasManyFields(text)) return { refused: "body" }
  const form = new URLSearchParams(text)
  const [token, ...others] = form.getAll("csrf")
  const isOfSession = token !== undefined && others.length === 0 && isSame(token, session.csrf)
  return isOfSession ? form : { refused: "csrf" }
}

/** Counts the fields before the text is parsed, which costs far more. */
function hasManyFields(text: string): boolean {
  let fields = 1
  for (let at = text.indexOf("&"); at !== -1 && fields <= MAX_FIELDS; at = text.indexOf("&", at + 1)) fields += 1
  return fields > MAX_FIELDS
}

const bodyOf = async (request: Request): Promise<string | null> => boundedText(request, MAX_BODY_BYTES)
