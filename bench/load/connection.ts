/**
 * One keep-alive connection with one request at a time on it. Bytes are read into one buffer of its own, since the
 * generator shares the processor with what it measures.
 */
import { connect, type Socket } from "node:net"
import type { PreparedRequest } from "./request.ts"
import { readResponse } from "./response.ts"

const BUFFER_BYTES = 65_536
const NOTHING = Buffer.alloc(0)

export interface Watcher {
  /** It stands, and nothing has been asked on it. */
  readonly ready: (connection: Connection) => void
  /** All of the answer is there. Where it is not the expected one, `failed` comes next. */
  readonly answered: (connection: Connection) => void
  /** It is the right one, and the next request may go out. */
  readonly free: (connection: Connection) => void
  /** An answer that was not the expected one, or a connection that failed; it is then over. */
  readonly failed: (what: string) => void
}

export class Connection {
  readonly #watcher: Watcher
  readonly #socket: Socket
  #pending: Buffer = NOTHING
  #current: PreparedRequest | null = null
  #isOver = false

  constructor(port: number, watcher: Watcher) {
    this.#watcher = watcher
    const onread = {
      buffer: Buffer.alloc(BUFFER_BYTES),
      callback: (count: number, buffer: Uint8Array): boolean => {
        try {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, count))
        } catch (error) {
          this.#fail(String(error))
        }
        return !this.#isOver
      },
    }
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread })
    this.#socket.once("connect", () => watcher.ready(this))
    this.#socket.once("error", (error) => this.#fail(error.message))
    this.#socket.once("close", () => this.#fail("the server closed the connection"))
  }

  ask(request: PreparedRequest): void {
    this.#current = request
    this.#socket.write(request.bytes)
  }

  end(): void {
    this.#isOver = true
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const response = readResponse(bytes)
    if (!response) {
      // The buffer is written over by the next chunk.
      this.#pending = Buffer.from(bytes)
      return
    }
    this.#pending = NOTHING
    const asked = this.#current
    if (!asked || bytes.length > response.length) return this.#fail("bytes that nobody asked for")
    this.#current = null
    this.#watcher.answered(this)
    const wrong = mismatch(response.status, bytes, asked)
    if (wrong !== null) return this.#fail(wrong)
    this.#watcher.free(this)
  }

  #fail(what: string): void {
    if (this.#isOver) return
    this.end()
    this.#watcher.failed(what)
  }
}

function mismatch(status: number, bytes: Buffer, { expected }: PreparedRequest): string | null {
  const right = status === expected.status && (expected.contains === null || bytes.includes(expected.contains))
  if (right) return null
  const wanted = expected.contains === null ? "" : ` with ${expected.contains}`
  return `expected ${expected.status}${wanted}, got ${bytes.toString("latin1").slice(0, 600)}`
}
