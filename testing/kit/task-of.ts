/** Whose token a request has. */
import { decodeJwt } from "jose"

/** Null if it is no token of a task. */
export function taskOf(authorization: string): string | null {
  try {
    const { task } = decodeJwt(authorization.slice(authorization.indexOf(" ") + 1))
    return typeof task === "string" ? task : null
  } catch {
    return null
  }
}
