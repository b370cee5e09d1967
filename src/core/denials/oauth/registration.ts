/** Why a client cannot register itself (RFC 7591, section 3.2.2), or is not registered any more. */
import * as z from "zod"
import { plain, TEXT } from "../terms/evidence.ts"
import { reason } from "./reason.ts"

const WHAT = plain(TEXT, "What is wrong with it.")

const FULL = {
  minute: "Too many programs have registered within a minute.",
  day: "Too many programs have registered within a day.",
  network: "Too many programs have registered from this network.",
  most: "As many programs are registered as may be.",
} as const

export const REGISTRATION_ERRORS = {
  metadata_refused: reason({
    error: "invalid_client_metadata",
    evidence: { what: WHAT },
    doc: "`/oauth/register`: the metadata of the client is malformed, or requests what a public client cannot have.",
    description: ({ what }) => `The metadata was not accepted: ${what}.`,
  }),
  registered_uri_refused: reason({
    error: "invalid_redirect_uri",
    evidence: { what: WHAT },
    doc: "`/oauth/register`: a redirect URI is missing, or none that may be registered.",
    description: ({ what }) => `The redirect URIs were not accepted: ${what}.`,
  }),
  registration_limit: reason({
    error: "rate_limited",
    evidence: {
      what: plain(z.enum(["minute", "day", "network", "most"]), "The limit of `registration` that is reached."),
      retry_after: plain(z.number(), "Seconds until it may be tried again."),
    },
    doc: "`/oauth/register`: too many clients have registered, or are registered. With `Retry-After`.",
    description: ({ what }) => FULL[what],
  }),
  registration_gone: reason({
    error: "invalid_client",
    evidence: { client: plain(TEXT, "The `client_id`.") },
    doc: "The client's registration has expired or was revoked, or there never was one.",
    description: () => "The client is not registered, or no longer. It has to register again.",
  }),
}
