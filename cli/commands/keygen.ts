/** `narrowgate keygen`: a publisher's key pair. */
import { open } from "node:fs/promises"
import type { Command } from "commander"
import { Failure } from "../terminal/failure.ts"
import { generatePublisherKey } from "../compiler/sign.ts"

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
      const { privateJwk, publicJwk } = await generatePublisherKey()
      await writeNew(out, `${JSON.stringify(privateJwk)}\n`)
      if (!json) console.error(`${out}: the private half, readable by you alone`)
      console.log(JSON.stringify({ keys: [publicJwk] }))
    })
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
