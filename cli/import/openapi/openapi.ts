/**
 * Tools of an OpenAPI document, from a file. A separate thread with little memory and little time reads it, so that
 * whatever a document does to its parser happens there.
 */
import { readFile, stat } from "node:fs/promises"
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import { escaped } from "../../terminal/escape.ts"
import { EXIT, Failure } from "../../terminal/failure.ts"
import type { FoundTools } from "../found-tools.ts"
import type { ReadRequest } from "./document.ts"
import type { Read } from "./types.ts"

export interface OpenApiSource {
  readonly file: string
  /** The first segment of the tools' names. */
  readonly prefix: string
  /** Where clients reach it: the hosts in the document are about the upstream, not about a gateway. */
  readonly origin: string
  /** Replaces the path of `servers[0].url`. */
  readonly basePath?: string
}

/** The longest published documents have about half of it. */
const MOST_BYTES = 24 * 1024 * 1024
const MOST_MS = 30_000
const MOST_HEAP_MB = 1_536

export async function findOpenApiTools({ file, prefix, origin, basePath }: OpenApiSource): Promise<FoundTools> {
  const text = await readBounded(file)
  const read = await inThread({ file, text, prefix, origin, ...(basePath !== undefined && { basePath }) })
  if ("message" in read) throw new Failure(escaped(read.message), escaped(read.fix))
  return read.found
}

async function readBounded(file: string): Promise<string> {
  const found = await stat(file).catch(() => null)
  if (!found?.isFile()) throw new Failure(`there is no file ${file}`, "Name an OpenAPI document.", EXIT.usage)
  if (found.size > MOST_BYTES) {
    throw new Failure(
      `${file} has ${Math.ceil(found.size / 1024 / 1024)} MiB, more than the ${MOST_BYTES / 1024 / 1024} that are read`,
      "Take the operations that agents need into a document of their own.",
    )
  }
  return readFile(file, "utf8")
}

async function inThread(request: ReadRequest): Promise<Read> {
  const thread = new Worker(new URL(`thread${extname(import.meta.filename)}`, import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MB },
  })
  const tooBig = (what: string) =>
    new Failure(`${request.file} ${what}`, "Take the operations that agents need into a document of their own.")
  try {
    return await new Promise<Read>((resolve, reject) => {
      setTimeout(() => reject(tooBig(`is not read within ${MOST_MS / 1000} s`)), MOST_MS).unref()
      thread.once("message", resolve)
      thread.once("error", (thrown: NodeJS.ErrnoException) => {
        const isOutOfMemory = thrown.code === "ERR_WORKER_OUT_OF_MEMORY"
        reject(isOutOfMemory ? tooBig("takes too much memory to read") : thrown)
      })
    })
  } finally {
    await thread.terminate()
  }
}
