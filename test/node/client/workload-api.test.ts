/** What may answer in place of the SPIFFE Workload API; test/spire asks a real one. */
import { createServer as createHttpServer } from "node:http"
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { fromWorkloadApi } from "../../../spiffe/index.ts"

const AUDIENCE = "https://authz.example"
const parting: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const part of parting.splice(0)) await part()
})

async function at(server: Server): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-socket-"))
  const path = join(directory, "api.sock")
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  parting.push(async () => {
    server.close()
    await rm(directory, { recursive: true })
  })
  return `unix://${path}`
}

const ask = async (socket: string, timeout = 1_000): Promise<string> =>
  fromWorkloadApi({ socket })({ audience: AUDIENCE, now: Date.now(), signal: AbortSignal.timeout(timeout) })

/** A message of gRPC. */
const framed = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), value])

/** JWTSVIDResponse with one SVID, between fields that a later version may add. */
const ANSWER = Buffer.concat([
  Buffer.from([0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  bytes(
    1,
    Buffer.concat([
      bytes(1, Buffer.from("spiffe://a/b")),
      bytes(2, Buffer.from("a.b.c")),
      bytes(3, Buffer.from("hint")),
    ]),
  ),
  Buffer.from([0x7d, 1, 2, 3, 4]),
])

function grpc(answer: (stream: ServerHttp2Stream) => void): Server {
  const server = createHttp2Server()
  server.on("stream", (stream) => {
    stream.on("error", () => undefined)
    answer(stream)
  })
  return server
}

/** Answers with this, and with the status after it. */
const says =
  (body: Buffer, status = "0", message = "") =>
  (stream: ServerHttp2Stream): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status, "grpc-message": message }))
    stream.end(body)
  }

describe("the Workload API", () => {
  test("is asked for the audience, and its answer is read with what is unknown in it", async () => {
    const asked: Buffer[] = []
    let headers: Record<string, unknown> = {}
    const server = grpc((stream) => {
      stream.on("data", (part: Buffer) => asked.push(part))
      says(framed(ANSWER))(stream)
    })
    server.on("stream", (_stream: unknown, received: Record<string, unknown>) => (headers = received))
    expect(await ask(await at(server))).toBe("a.b.c")
    expect(headers).toMatchObject({ ":path": "/SpiffeWorkloadAPI/FetchJWTSVID", "workload.spiffe.io": "true" })
    expect(Buffer.concat(asked)).toEqual(framed(bytes(1, Buffer.from(AUDIENCE))))
  })

  test.each<readonly [what: string, server: () => Server, why: RegExp]>([
    ["refuses", () => grpc(says(Buffer.alloc(0), "7", "no%20identity")), /status 7, no identity/],
    ["refuses in words that are wrongly written", () => grpc(says(Buffer.alloc(0), "7", "%zz")), /status 7, %zz/],
    ["answers nothing", () => grpc(says(Buffer.alloc(0))), /without a whole message/],
    ["answers half a message", () => grpc(says(framed(ANSWER).subarray(0, 20))), /without a whole message/],
    ["answers a message that breaks off", () => grpc(says(framed(ANSWER.subarray(0, 20)))), /breaks off/],
    ["answers garbage", () => grpc(says(framed(Buffer.from([0x0f])))), /no known type/],
    ["answers a number without end", () => grpc(says(framed(Buffer.alloc(20, 0xff)))), /too long/],
    ["answers no SVID", () => grpc(says(framed(Buffer.alloc(0)))), /without an SVID/],
    [
      "answers one field half a million times",
      () => grpc(says(framed(Buffer.alloc(1_000_000, "1a00", "hex")))),
      /an SVID/,
    ],
    ["answers more than anybody reads", () => grpc(says(framed(Buffer.alloc(2_000_000)))), /more than 1048576 bytes/],
    [
      "answers by plain HTTP/2",
      () => grpc((stream) => stream.respond({ ":status": 404 }, { endStream: true })),
      /HTTP 404/,
    ],
    ["resets the request", () => grpc((stream) => stream.close(2)), /./],
    ["says nothing", () => grpc(() => undefined), /timeout/],
    ["speaks HTTP/1", () => createHttpServer(), /./],
    [
      "speaks something else",
      () => createServer((socket) => void socket.end("hello\r\n").on("error", () => undefined)),
      /./,
    ],
    ["hangs up", () => createServer((socket) => void socket.destroy()), /./],
  ])("that %s", async (_, server, why) => {
    await expect(ask(await at(server()))).rejects.toThrow(why)
  })

  test("that is nowhere, or is named wrongly", async () => {
    await expect(ask("unix:///nowhere/api.sock")).rejects.toThrow(/ENOENT/)
    for (const socket of ["", "/run/api.sock", "http://127.0.0.1:1", "unix://host/path", "tcp://127.0.0.1"])
      await expect(ask(socket)).rejects.toThrow(/Workload API/)
    await expect(ask("tcp://127.0.0.1:1")).rejects.toThrow(/ECONNREFUSED/)
  })
})
