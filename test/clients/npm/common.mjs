/**
 * What the programs of this folder share: how a test steers them, and a person who opens and pastes links. A program
 * gets its order as JSON in its first argument: `server` is the URL of the MCP server, `document` the client's metadata
 * document, `browser` a URL that stands for the person's browser. It then reads one call from each line of its input,
 * and prints one line for each: what its user sees. A page that it shows its user during a call is a line too, which is
 * answered by one.
 */
import { randomUUID } from "node:crypto"
import { createInterface } from "node:readline"

export const ORDER = JSON.parse(process.argv[2])
export const REDIRECT = "http://127.0.0.1:53211/callback"

/** A provider that keeps everything in memory, for a client that is known by its metadata document. */
export class Kept {
  #tokens
  #verifier
  #state
  #server
  #discovery
  #information
  /** Where the person was led, once they have been sent somewhere. */
  back

  get redirectUrl() {
    return REDIRECT
  }
  get clientMetadata() {
    return { redirect_uris: [REDIRECT], client_name: "Notes", token_endpoint_auth_method: "none" }
  }
  get clientMetadataUrl() {
    return ORDER.document
  }
  state() {
    this.#state = randomUUID()
    return this.#state
  }
  saveState(state) {
    this.#state = state
  }
  storedState() {
    return this.#state
  }
  clientInformation() {
    return this.#information
  }
  saveClientInformation(information) {
    this.#information = information
  }
  tokens() {
    return this.#tokens
  }
  saveTokens(tokens) {
    this.#tokens = tokens
  }
  saveCodeVerifier(verifier) {
    this.#verifier = verifier
  }
  codeVerifier() {
    return this.#verifier
  }
  authorizationServerInformation() {
    return this.#server
  }
  saveAuthorizationServerInformation(server) {
    this.#server = server
  }
  discoveryState() {
    return this.#discovery
  }
  saveDiscoveryState(discovery) {
    this.#discovery = discovery
  }
  async redirectToAuthorization(url) {
    const response = await fetch(ORDER.browser, { method: "POST", body: url.href })
    this.back = new URL(await response.text())
  }
  /** Once for each time that the person has come back. */
  returned() {
    const { back } = this
    this.back = undefined
    return back?.searchParams
  }
}

/** Libraries log to the console: those are no answers. */
const say = (failed, text) => process.stdout.write(`\n${JSON.stringify({ failed, text })}\n`)

/** With its causes, as a stack trace shows them. */
const sentence = (error) => (error?.cause ? `${error}; ${sentence(error.cause)}` : String(error))

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Shows the user a page during a call, and returns whether they have been there. */
export async function visited(page) {
  process.stdout.write(`\n${JSON.stringify({ page })}\n`)
  const { value } = await lines.next()
  return JSON.parse(value)
}

export const textOf = ({ content = [] }) => content.map(({ text = "" }) => text).join(" ")

/** @param connect returns what answers a call by whether it has failed and what the user sees */
export async function answer(connect) {
  try {
    const client = await connect()
    for await (const line of lines) {
      await client(JSON.parse(line)).then(
        ([failed, text]) => say(failed, text),
        (error) => say(true, sentence(error)),
      )
    }
  } catch (error) {
    say(true, sentence(error))
  }
  process.exit()
}
