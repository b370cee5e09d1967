/** In the place of an agent's model: it calls the tool that it is told to, and repeats whatever else it is told. */
import { createServer } from "node:http"
import { json } from "node:stream/consumers"
import { z } from "zod"
import { listen, type Listening } from "../../dev/loopback.ts"

export interface Wanted {
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
}

const MARK = "Call this: "

/** What one tells it for that. */
export const toCall = (wanted: Wanted): string => MARK + JSON.stringify(wanted)

const wantedIn = (text: string): Wanted | undefined => {
  const line = text.split("\n").find((each) => each.startsWith(MARK))
  return line === undefined ? undefined : wanted.parse(JSON.parse(line.slice(MARK.length)))
}
const wanted = z.object({ tool: z.string(), arguments: z.record(z.string(), z.unknown()) })

const block = z.looseObject({ type: z.string(), text: z.string().optional() })
const message = z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(block)]) })
const asked = z.looseObject({ model: z.string(), messages: z.array(message) })

/** Speaks Anthropic's Messages API. */
export async function startModel(): Promise<Listening> {
  let ids = 0
  const server = createServer(async (request, response) => {
    if (request.method !== "POST" || !request.url?.startsWith("/v1/messages?")) {
      response.writeHead(404).end()
      return
    }
    const { model, messages } = asked.parse(await json(request))
    const { content = "" } = messages.findLast(({ role }) => role === "user") ?? {}
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content
    const text = blocks.map((each) => each.text ?? "").join("\n")
    const call = blocks.some(({ type }) => type === "tool_result") ? undefined : wantedIn(text)

    response.writeHead(200, { "content-type": "text/event-stream" })
    const say = (type: string, rest: object): void => {
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`)
    }
    ids++
    const usage = { input_tokens: 1, output_tokens: 1 }
    const begun = { id: `msg_${ids}`, type: "message", role: "assistant", model, content: [], stop_reason: null, usage }
    say("message_start", { message: begun })
    const [content_block, delta] = call
      ? [
          { type: "tool_use", id: `toolu_${ids}`, name: call.tool, input: {} },
          { type: "input_json_delta", partial_json: JSON.stringify(call.arguments) },
        ]
      : [
          { type: "text", text: "" },
          { type: "text_delta", text: `You said: ${text}` },
        ]
    say("content_block_start", { index: 0, content_block })
    say("content_block_delta", { index: 0, delta })
    say("content_block_stop", { index: 0 })
    say("message_delta", { delta: { stop_reason: call ? "tool_use" : "end_turn" }, usage })
    say("message_stop", {})
    response.end()
  })
  return listen(server, 0)
}
