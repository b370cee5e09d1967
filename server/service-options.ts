/** What a service says of itself, and what is read of a request to it. */
import type { ReadHeader } from "./caller.ts"
import type { CallRejectedError } from "./errors.ts"
import type { TokenOptions } from "./token-options.ts"

/** A tool of the service, as the catalog's `route` describes it, with the path that the service itself sees. */
export interface ToolRoute {
  readonly methods: readonly string[]
  /** `/tickets/{ticket}/comments`, with the catalog's names of the arguments. */
  readonly path: string
  /** Arguments of path and query that the catalog has as integers. */
  readonly integers?: readonly string[]
  /** Names that its query may have besides plain ones. */
  readonly query_names?: readonly string[]
  /**
   * True: a call is accepted although Narrowgate did not see all of its arguments, because they are no JSON or the gateway
   * does not forward bodies. They are then the client's word, whatever policy says of them.
   */
  readonly unhashed?: boolean
}

/** An MCP server of the service, as the catalog's `servers` describes it, with the path that the service itself sees. */
export interface ToolServer {
  /** The first segment of its tools' names. */
  readonly name: string
  readonly path: string
  /** Which tool of the catalog a resource is: `file:///notes/{+path}`. */
  readonly resources?: readonly { readonly tool: string; readonly pattern: string }[]
  readonly prompts?: readonly { readonly tool: string; readonly prompt: string }[]
  /** As of `ToolRoute`. */
  readonly unhashed?: boolean
}

export interface ToolsOptions {
  /**
   * Gets each call that is rejected, before its client is answered: its `code`, and in `cause` what the answer does not
   * contain, such as why the keys cannot be reached.
   */
  readonly onRejected?: (rejected: CallRejectedError) => void
  /** By the tool's name in the catalog; `GET /tickets/{ticket}` is short for a route with that alone. */
  readonly tools?: Readonly<Record<string, string | ToolRoute>>
  readonly servers?: readonly ToolServer[]
}

/** The body of a request: none is an empty text. */
export type ReceivedBody =
  | { readonly kind: "whole"; readonly text: string }
  /** It is not UTF-8; what it is does not matter. */
  | { readonly kind: "binary"; readonly text: string }
  /** It is left to the handler: its arguments count as not seen. */
  | { readonly kind: "withheld" }

/** A request, as a framework has it. */
export interface ReceivedRequest {
  readonly method: string
  /** Path and query, as received. */
  readonly target: string
  readonly header: ReadHeader
  /** Reads the body, once: null if it is too long. */
  readonly body: () => Promise<ReceivedBody | null>
}

/** Believes a signed token, whichever client sends it. */
export interface SignedOptions extends TokenOptions, ToolsOptions {
  readonly trust?: "token"
}

/**
 * Believes the plain `X-Narrowgate-*` headers. The caller of this function guarantees that the gateway alone reaches
 * the service, and that the gateway sets all of these headers: nothing here can check it, nor that the arguments are those
 * that were allowed.
 */
export interface UnsignedOptions extends ToolsOptions {
  readonly trust: "network"
}

export type ServiceOptions = SignedOptions | UnsignedOptions
