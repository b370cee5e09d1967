import { deny, type Denied } from "../denials/denied.ts"
import { MAX_PARTS, readCallJson, readJson } from "../encoding/json.ts"

export function parseJson(text: string, mostParts: number = MAX_PARTS): { readonly json: unknown } | Denied {
  const read = readJson(text, mostParts)
  return "objection" in read ? deny({ reason: "body_rejected", what: read.objection }) : read
}

/**
 * The body of a call. A number that a double does not hold exactly does not make the body rejected, but makes all of
 * its arguments unseen (`isExact`: false). So no policy judges, no approver approves and no hash covers a number that
 * the upstream may read otherwise. A client that prints 17 digits can still call a tool whose arguments nothing reads.
 */
export function parseCallBody(text: string): { readonly json: unknown; readonly isExact: boolean } | Denied {
  const read = readCallJson(text)
  return "objection" in read ? deny({ reason: "body_rejected", what: read.objection }) : read
}
