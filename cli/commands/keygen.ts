/** `narrowgate keygen`: a publisher's key pair. */
import { open } from "node:fs/promises"
import type { Command } from "commander"
import { Failure } from "../terminal/failure.ts"
import { generatePublisherKey, type PublisherKey } from "../compiler/sign.ts"

export function addKeygen(program: Command): void {
  program
    .command("keygen")
    .description("generate a publisher's key pair; print the value for PUBLISHER_KEYS of the Worker")
    .option("--out <FILE>", "the file for the private key", "publisher.jwk")
    .option("--json", "print only the value for PUBLISHER_KEYS")
    .addHelpText(
      "after",
      "\nExample:\n  narrowgate keygen --out publisher.jwk\n\nWhoever has the private key can change what every gateway allows: keep it out of the repository.\n",
    )
    .action(async ({ out, json }: { out: string; json?: boolean }) => {
      const { publicJwk } = await makeKey(out)
      if (!json) console.error(`${out}: the private half, readable by you alone`)
      console.log(JSON.stringify({ keys: [publicJwk] }))
    })
}

/** A new key pair, whose private half is in this file afterwards. */
export async function makeKey(out: string): Promise<PublisherKey> {
  const key = await generatePublisherKey()
  await writeNew(out, `${JSON.stringify(key.privateJwk)}\n`)
  return key
}

/** An existing key is not overwritten: it may be in use. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code !== "EEXIST") throw failure
    throw new Failure(`${path} is there already`, "Name another file by --out.")
  })
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}
