/**
 * `narrowgate/spiffe`: the agent's identity from the SPIFFE Workload API, in Node. SPIRE attests the process itself; no
 * secret is configured. Source: SPIFFE Workload API, sections 3 and 6; SPIFFE Workload Endpoint, section 3.
 */
import { createConnection } from "node:net"
import type { Identity } from "../client/identities.ts"
import { unaryCall } from "./grpc.ts"
import { fieldsOf, textField } from "./protobuf.ts"

export interface WorkloadApiOptions {
  /** `unix:///run/spire/agent.sock` or `tcp://127.0.0.1:8000`; absent: `SPIFFE_ENDPOINT_SOCKET`. */
  readonly socket?: string
  /** Which of its identities the process wants; absent: the first. */
  readonly spiffeId?: string
}

const METHOD = "/SpiffeWorkloadAPI/FetchJWTSVID"
/** The endpoint requires it, so that a URL alone makes no process call it (server-side request forgery). */
const METADATA = { "workload.spiffe.io": "true" }

/** A JWT-SVID for the issuer, from the Workload API. `identity: fromWorkloadApi()` */
export function fromWorkloadApi({ socket, spiffeId }: WorkloadApiOptions = {}): Identity {
  return async ({ audience, signal }) => {
    const place = placeOf(socket ?? process.env["SPIFFE_ENDPOINT_SOCKET"])
    const request = [textField(1, audience), ...(spiffeId === undefined ? [] : [textField(2, spiffeId)])]
    const answer = await unaryCall(() => createConnection(place), METHOD, METADATA, Buffer.concat(request), signal)
    // JWTSVIDResponse.svids, and JWTSVID.svid of the first of them.
    const first = fieldsOf(answer).get(1)?.[0]
    const svid = first && fieldsOf(first).get(2)?.[0]
    if (!svid) throw new Error("the Workload API answered without an SVID")
    return svid.toString("utf8")
  }
}

type Place = { readonly path: string } | { readonly host: string; readonly port: number }

function placeOf(socket: string | undefined): Place {
  if (socket === undefined || socket === "")
    throw new Error("name the Workload API: SPIFFE_ENDPOINT_SOCKET, or `socket`")
  const url = URL.parse(socket)
  if (url?.protocol === "unix:" && url.host === "" && url.pathname !== "")
    return { path: decodeURIComponent(url.pathname) }
  if (url?.protocol === "tcp:" && url.port !== "") return { host: url.hostname, port: Number(url.port) }
  throw new Error(`\`${socket}\` is no Workload API: unix:///path or tcp://address:port`)
}
