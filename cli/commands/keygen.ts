/** `narrowgate keygen`: a publisher's key pair. */
import { open } from "node:fs/promises"
import type { Command } from "commander"
import { Failure } from "../terminal/failure.ts"
import { generatePublisherKey } from "../compiler/sign.ts"

export function addKeygen(program: Command): void {
  program
    .command("keygen")
    .description("make a publisher's key; print what PUBLISHER_KEYS of the Worker has to hold")
    .option("--out <FILE>", "where to write the private half", "publisher.jwk")
    .option("--json", "say nothing but that JSON")
    .addHelpText(
      "after",
      "\nExample:\n  narrowgate keygen --out publisher.jwk\n\nWho has the private half decides what every gateway lets through: keep it out of the repository.\n",
    )
    .action(async ({ out, json }: { out: string; json?: boolean }) => {
      const { privateJwk, publicJwk } = await generatePublisherKey()
      await writeNew(out, `${JSON.stringify(privateJwk)}\n`)
      if (!json) console.error(`${out}: the private half, readable by you alone`)
      console.log(JSON.stringify({ keys: [publicJwk] }))
    })
}

/** A key that is there already is not overwritten: it may be in use. */
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
