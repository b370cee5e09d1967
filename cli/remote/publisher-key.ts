/** The publisher's private key: from a file, or from the environment, in which a pipeline has its secrets. */
import { readFile } from "node:fs/promises"
import type { JWK } from "jose"
import { z } from "zod"
import { EXIT, Failure } from "../terminal/failure.ts"

export const KEY_VARIABLE = "NARROWGATE_PUBLISHER_KEY"

const privateKey = z.looseObject({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
})

/** @param file absent: the environment's. No message contains either. */
export async function publisherKey(file: string | undefined): Promise<JWK> {
  const text = file === undefined ? process.env[KEY_VARIABLE] : await readFile(file, "utf8")
  if (text === undefined || text === "") {
    const fix = `Add --key FILE, or set ${KEY_VARIABLE}; \`narrowgate keygen\` makes one, and \`narrowgate dev\` prints where its own is.`
    throw new Failure("no publisher's key", fix, EXIT.usage)
  }
  const key = privateKey.safeParse(parsed(text))
  if (key.success) return key.data
  const fix = "It must be a JWK with its private half, as `narrowgate keygen` writes it."
  throw new Failure(`${file ?? KEY_VARIABLE} holds no private EC key on P-256`, fix, EXIT.usage)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
