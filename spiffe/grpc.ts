/** One gRPC call with one message each way, over HTTP/2 without TLS. Source: gRPC, "gRPC over HTTP2". */
import { connect, constants, type IncomingHttpHeaders } from "node:http2"
import type { Duplex } from "node:stream"

/** Bytes; an answer has a few SVIDs. */
const LONGEST = 1_048_576
/** Whether the message is compressed, in one byte; its length, in four. */
const PREFIX = 5

/** @param open connects, each time it is called */
export async function unaryCall(
  open: () => Duplex,
  method: string,
  metadata: Readonly<Record<string, string>>,
  message: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  // No host is looked up: the connection is there.
  const session = connect("http://localhost", { createConnection: open })
  const abort = (): void => reject(signal.reason)
  signal.addEventListener("abort", abort, { once: true })
  try {
    session.on("error", reject)
    const stream = session.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    })
    const parts: Buffer[] = []
    let length = 0
    let status: IncomingHttpHeaders = {}
    const keep = (headers: IncomingHttpHeaders): void => {
      status = { ...status, ...headers }
    }
    stream.on("error", reject).on("response", keep).on("trailers", keep)
    stream.on("data", (part: Buffer) => {
      parts.push(part)
      length += part.length
      if (length > LONGEST) stream.destroy(new Error(`the Workload API answered with more than ${LONGEST} bytes`))
    })
    stream.on("close", () => {
      try {
        resolve(messageOf(status, Buffer.concat(parts)))
      } catch (thrown) {
        reject(thrown)
      }
    })
    stream.end(framed(message))
    return await promise
  } finally {
    signal.removeEventListener("abort", abort)
    session.destroy(undefined, constants.NGHTTP2_CANCEL)
  }
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function messageOf(headers: IncomingHttpHeaders, body: Buffer): Buffer {
  const { "grpc-status": status, "grpc-message": reason = "", ":status": http } = headers
  if (status !== "0") {
    const why = status === undefined ? `HTTP ${String(http ?? "without a status")}` : `status ${String(status)}`
    throw new Error(`the Workload API failed: ${why}${reason === "" ? "" : `, ${decoded(String(reason))}`}`)
  }
  const isWhole = body.length >= PREFIX && body[0] === 0 && body.readUInt32BE(1) <= body.length - PREFIX
  if (!isWhole) throw new Error("the Workload API answered without a whole message")
  return body.subarray(PREFIX, PREFIX + body.readUInt32BE(1))
}

/** Percent-encoded, if its sender follows the specification. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
