/**
 * CORS preflights: what a browser asks before a call, without the call's token. Only what no client could send as a call
 * of its own passes for one: OPTIONS, with both headers, no credential and no body.
 * Source: Fetch standard, "CORS-preflight fetch".
 */
import type { Seen } from "../catalog/seen.ts"

export function isPreflight(
  headers: Headers,
  { method, body, authorization, proof }: Pick<Seen, "method" | "body"> & Credentials,
): boolean {
  return (
    method === "OPTIONS" &&
    headers.has("origin") &&
    headers.has("access-control-request-method") &&
    authorization === null &&
    proof === null &&
    body.kind === "whole" &&
    body.text === ""
  )
}

interface Credentials {
  readonly authorization: string | null
  readonly proof: string | null
}
