/** A developer's project in Cloudflare's pool for Vitest. */
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { cloudflareTest } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"
import { narrowgateWorker } from "../../../testing/index.ts"

const policies = new URL("../../../policies/", import.meta.url)
const gateways = await readFile(fileURLToPath(`${policies.href}gateways.yaml`), "utf8")

export default defineConfig({
  test: { include: ["*.test.ts"], setupFiles: ["../../../testing/vitest/index.ts"] },
  plugins: [
    cloudflareTest({
      main: "./worker.ts",
      miniflare: {
        compatibilityDate: "2026-10-01",
        bindings: { NARROWGATE_KEY: "ngk_edge_development" },
        serviceBindings: {
          AUTHORIZER: { name: "narrowgate", entrypoint: "Authorizer" },
          NARROWGATE: { name: "narrowgate", entrypoint: "TestKit" },
        },
        workers: [
          await narrowgateWorker({
            policies,
            files: {
              "gateways.yaml": gateways.replace("dialect: envoy", "dialect: worker").replace("request_id_header", "# "),
            },
            users: { alice: { groups: ["support"] }, olivia: { groups: ["operations"] } },
          }),
        ],
      },
    }),
  ],
})
