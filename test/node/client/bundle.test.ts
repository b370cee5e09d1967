/** `narrowgate/client` as a page in a browser gets it: one file, without a module of Node, and small. */
import { join } from "node:path"
import { runInNewContext } from "node:vm"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"
import { expect, test } from "vitest"

const ROOT = join(import.meta.dirname, "../../..")
/** Bytes, minified; and compressed. The guide states them, rounded up. */
const MOST = 65_000
const MOST_COMPRESSED = 23_500

const bundled = async (format: "esm" | "iife" = "esm") => {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(ROOT, "client/index.ts")],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: "browser",
    format,
    globalName: "narrowgate",
    target: "es2022",
  })
  return { code: outputFiles[0]?.contents ?? new Uint8Array(), metafile }
}

test("it needs oauth4webapi and jose, and nothing else", async () => {
  const { metafile } = await bundled()
  const packages = Object.keys(metafile.inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  expect([...new Set(packages.filter((name) => name !== undefined))].toSorted()).toEqual(["jose", "oauth4webapi"])
  const own = Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules"))
  // Of the Worker it has what is pure, and little of that.
  expect(own.filter((path) => !path.startsWith("client/")).toSorted()).toEqual([
    "src/core/denials/terms/code.ts",
    "src/core/encoding/display-text.ts",
  ])
})

test("it imports nothing, and is small", async () => {
  const { code, metafile } = await bundled()
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([])
  expect(code.length).toBeLessThan(MOST)
  expect(gzipSync(code).length).toBeLessThan(MOST_COMPRESSED)
})

/** What pages and Workers have, and nothing of Node. */
const OF_THE_WEB = {
  AbortSignal,
  Blob,
  DOMException,
  Headers,
  Request,
  Response,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  URL,
  URLSearchParams,
  atob,
  btoa,
  clearTimeout,
  crypto,
  fetch,
  setTimeout,
}

test("it works where there is nothing of Node, and says what takes a file", async () => {
  const { code } = await bundled("iife")
  const run = `${new TextDecoder().decode(code)}
    ;(async () => {
      const { denialOf, fromFile, openTask } = narrowgate
      const body = { error: "policy_denied", error_description: "No.", decision_id: "dec_1" }
      const denial = await denialOf(new Response(JSON.stringify(body), { status: 403 }))
      const metadata = { issuer: "https://authz.example/", token_endpoint: "https://authz.example/oauth/token" }
      const fetch = async () => new Response(JSON.stringify(metadata), { headers: { "content-type": "application/json" } })
      const thrown = await openTask({ issuer: "https://authz.example", identity: fromFile("/x"), fetch }).catch((each) => each)
      return [typeof process, denial.code, thrown.code, thrown.message].join("; ")
    })()`
  expect(await runInNewContext(run, { ...OF_THE_WEB })).toBe(
    "undefined; policy_denied; identity_failed; the agent's identity failed: there is no node:fs/promises here; give a function as the identity",
  )
})
