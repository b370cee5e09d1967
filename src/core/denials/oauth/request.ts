/** Why a request to the authorization server is malformed, or requests what is not supported. */
import * as z from "zod"
import { nullable, plain, TEXT, TEXTS } from "../terms/evidence.ts"
import { reason } from "./reason.ts"

const WHAT = plain(TEXT, "What is wrong with it.")
const PARAMETER = plain(TEXT, "The parameter.")
const CLIENT = plain(TEXT, "The `client_id`.")
const AUDIENCE = plain(TEXT, "The audience that the request names.")
const NOT_SUPPORTED = ({ parameter }: { readonly parameter: string }): string => `${parameter} is not supported.`

/** Stands in a record in place of one scope. */
export const TOO_MANY_SCOPES = "too many"

export const REQUEST_ERRORS = {
  request_malformed: reason({
    error: "invalid_request",
    evidence: { what: WHAT },
    doc: "The form is missing, too long or not UTF-8, or a parameter is malformed.",
    description: ({ what }) => `The request is malformed: ${what}.`,
  }),
  parameter_repeated: reason({
    error: "invalid_request",
    evidence: { parameter: PARAMETER },
    doc: "A parameter occurs twice.",
    description: ({ parameter }) => `${parameter} is repeated.`,
  }),
  parameter_missing: reason({
    error: "invalid_request",
    evidence: { parameter: PARAMETER },
    doc: "A parameter is missing; also a token without its type, or a type without its token.",
    description: ({ parameter }) => `${parameter} is missing.`,
  }),
  grant_type_unsupported: reason({
    error: "unsupported_grant_type",
    evidence: {},
    doc: "The grant type is not supported.",
    description: () => "This grant type is not supported.",
  }),
  response_type_unsupported: reason({
    error: "unsupported_response_type",
    evidence: {},
    doc: "`/oauth/authorize`: the response type is not `code`.",
    description: () => "The response type is code, and nothing else.",
  }),
  // For these three the browser is not redirected, because the owner of the redirect URI is not certain.
  client_unknown: reason({
    error: "unauthorized_client",
    evidence: { client: nullable(CLIENT) },
    doc: "`/oauth/authorize`: the client is not registered. Shown on a page.",
    description: () => "This program is not registered here.",
  }),
  client_document_refused: reason({
    error: "unauthorized_client",
    evidence: { client: CLIENT, what: WHAT },
    doc: "The client's metadata document cannot be read, or lacks what it must say. At `/oauth/authorize` shown on a page.",
    description: ({ what }) => `The document in which this program describes itself cannot be used: ${what}.`,
  }),
  redirect_uri_refused: reason({
    error: "invalid_request",
    evidence: { redirect_uri: plain(TEXT.nullable(), "The URI; null if the request names none.") },
    doc: "`/oauth/authorize`: the URI is not registered for the client, or it has several and the request names none.",
    description: () => "The address to which the answer would go is not registered for this program.",
  }),
  request_object_refused: reason({
    error: "request_not_supported",
    evidence: {
      parameter: plain(z.enum(["request", "request_uri"]), "Of `request_uri`: `request_uri_not_supported`."),
    },
    doc: "`/oauth/authorize`: request objects, by value or by reference, are not supported (RFC 9101).",
    description: NOT_SUPPORTED,
  }),
  token_type_unsupported: reason({
    error: "invalid_request",
    evidence: { parameter: PARAMETER },
    doc: "The type of the subject, of the actor or of the requested token is not supported.",
    description: NOT_SUPPORTED,
  }),
  audience_unknown: reason({
    error: "invalid_target",
    evidence: {
      audience: AUDIENCE,
      // The audiences, as the metadata of the protected resources lists them.
      known: plain(TEXTS, "Audiences that the agent may have tokens for; a few of many."),
    },
    doc: "The audience is none of the agent's, or it has several and the request names none (RFC 8707).",
    description: ({ known }) =>
      `Name one audience (\`resource\` or \`audience\`) that this agent may have tokens for. There are: ${known.join(" ")}.`,
  }),
  audience_ambiguous: reason({
    error: "invalid_target",
    evidence: { audience: AUDIENCE, meant: plain(TEXTS, "The audiences that it could mean.") },
    doc: "The resource could mean several audiences that the agent may have tokens for (RFC 8707).",
    description: ({ meant }) =>
      `That resource belongs to several audiences: name the audience itself. There are: ${meant.join(" ")}.`,
  }),
  audience_differs: reason({
    error: "invalid_target",
    evidence: { audience: AUDIENCE, expected: plain(TEXTS, "The audiences of the task, or of the subject token.") },
    doc: "The task, or one above it, was opened for other audiences.",
    description: () => "The task was opened for another audience.",
  }),
  scope_malformed: reason({
    error: "invalid_scope",
    evidence: { scope: plain(TEXT, "The scope; `too many`: there are more than 256.") },
    doc: "A scope is malformed, or there are more than 256.",
    description: ({ scope }) =>
      scope === TOO_MANY_SCOPES
        ? "There are more than 256 scopes."
        : "A scope is not of the form <tool or prefix.*>:<read|write|execute>.",
  }),
  details_malformed: reason({
    error: "invalid_authorization_details",
    evidence: { what: WHAT },
    doc: "`authorization_details` are malformed, stand beside `scope`, or make a grant longer than 1 MB (RFC 9396).",
    description: ({ what }) => `The request is malformed: ${what}.`,
  }),
  details_ambiguous: reason({
    error: "invalid_authorization_details",
    evidence: { tool: plain(TEXT, "The tool.") },
    doc: "Two objects of `authorization_details` cover one tool.",
    description: ({ tool }) => `Two objects of authorization_details cover ${tool}.`,
  }),
}
