/** What the Worker does while it starts, where no request is there yet and the platform refuses most of what it has. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { readManifest } from "../../dev/manifest.ts"
import { BUILD_WITHIN_MS, buildWorker, plainWorker, serve, START_WITHIN_MS } from "./bare-workerd.ts"

test(
  "goes well: a call is rehearsed to its end, and nothing is complained of",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "narrowgate-start-"))
    try {
      const { compatibilityDate } = await readManifest()
      const configuration = join(directory, "workerd.capnp")
      const worker = plainWorker(await buildWorker(directory), compatibilityDate)
      await writeFile(
        configuration,
        `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = ${worker})],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
`,
      )
      const { server, ports } = await serve(configuration, directory, ["http"])
      await using _ended = server
      expect((await fetch(`http://127.0.0.1:${ports.http}/healthz`)).status).toBe(200)
      expect(server.complaints()).toBe("")
    } finally {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    }
  },
  BUILD_WITHIN_MS + START_WITHIN_MS,
)
