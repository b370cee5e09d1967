/** Why a server does not answer, in words, and what to do about it: Node hides both in codes. */
import { EXIT, Failure } from "../terminal/failure.ts"

type FetchFailure = readonly [message: string, fix: string]

const OF_SYSTEM: Readonly<Record<string, (host: string) => FetchFailure>> = {
  ECONNREFUSED: (host) => [`nothing listens at ${host}`, "Start the server, or correct the port."],
  ENOTFOUND: (host) => [`no host is called ${host}`, "Correct the host, or wait until its name is in DNS."],
  EAI_AGAIN: (host) => [`the name in ${host} cannot be looked up`, "Check the name and the network."],
  ECONNRESET: (host) => [`${host} has closed the connection`, "Check that it speaks the scheme of the URL."],
  UND_ERR_SOCKET: (host) => [`${host} has closed the connection`, "Check that it speaks the scheme of the URL."],
  UND_ERR_CONNECT_TIMEOUT: (host) => [`${host} does not take the connection`, "Check the address and the network."],
  UND_ERR_HEADERS_OVERFLOW: (host) => [`${host} answers with headers without end`, "Check the URL."],
}

const UNTRUSTED = "If its authority is your own, name it: `NODE_EXTRA_CA_CERTS=/path/to/ca.pem`."

const OF_TLS: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: ["is self-signed", UNTRUSTED],
  SELF_SIGNED_CERT_IN_CHAIN: ["comes from an authority that is not trusted", UNTRUSTED],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["comes from an authority that is not known", UNTRUSTED],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["comes from an authority that is not known", UNTRUSTED],
  CERT_HAS_EXPIRED: ["has expired", "Renew it, and check this machine's clock."],
  CERT_NOT_YET_VALID: ["is not valid yet", "Check this machine's clock."],
  ERR_TLS_CERT_ALTNAME_INVALID: ["is for another host", "Use a host name that the certificate has."],
}

/**
 * Null: its certificate is not what is wrong.
 *
 * @param thrown by `fetch`
 */
export function distrusted(server: URL, thrown: unknown): Failure | null {
  const code = codeOf(thrown)
  const [what, fix] = OF_TLS[code] ?? []
  if (what === undefined || fix === undefined) return null
  return new Failure(`the TLS certificate of ${server.host} ${what} (${code})`, fix, EXIT.unreachable)
}

/** @param thrown by `fetch` */
export function unreachable(server: URL, thrown: unknown): Failure {
  const ofTls = distrusted(server, thrown)
  if (ofTls) return ofTls
  const code = codeOf(thrown)
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return new Failure(
      `${server.host} does not speak TLS as expected (${code})`,
      "Check scheme and port.",
      EXIT.unreachable,
    )
  }
  const [message, fix] = OF_SYSTEM[code]?.(server.host) ?? [
    `no answer from ${server.host} (${code})`,
    "Check the address and the network.",
  ]
  return new Failure(message, fix, EXIT.unreachable)
}

/**
 * Node hides the code in causes, and for a name with several addresses in a list of them. Without a code, returns the
 * message of the last cause.
 */
export function codeOf(thrown: unknown): string {
  let deepest = ""
  for (let at = thrown, depth = 0; at instanceof Error && depth < 5; depth++) {
    if ("code" in at && typeof at.code === "string") return at.code
    deepest = at.message
    at = at instanceof AggregateError && at.errors.length > 0 ? at.errors[0] : at.cause
  }
  return deepest
}
