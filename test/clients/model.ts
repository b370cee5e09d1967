/** In the place of an agent's model: it calls the tool that it is told to, and repeats whatever else it is told. */
import { createServer } from "node:http"
import { json } from "node:stream/consumers"
import { z } from "zod"
import { listen, type Listening } from "../../dev/loopback.ts"

const wanted = z.object({
  tool: z.string(),
  /** Of tools that an agent tells its model under a name of their own. */
  namespace: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()),
})
export type Wanted = z.infer<typeof wanted>

const MARK = "Call this: "

/** What one tells it for that. */
export const toCall = (what: Wanted): string => MARK + JSON.stringify(what)

const wantedIn = (text: string): Wanted | undefined => {
  const line = text.split("\n").find((each) => each.startsWith(MARK))
  return line === undefined ? undefined : wanted.parse(JSON.parse(line.slice(MARK.length)))
}

type Say = (type: string, rest: object) => void

/** @param answer gets what a POST to the path says, and a number of its own for each */
async function startModel(
  path: RegExp,
  answer: (asked: unknown, number: number, say: Say) => void,
): Promise<Listening> {
  let count = 0
  const server = createServer(async (request, response) => {
    if (request.method !== "POST" || !path.test(request.url ?? "")) {
      response.writeHead(404).end()
      return
    }
    const asked = await json(request)
    response.writeHead(200, { "content-type": "text/event-stream" })
    answer(asked, ++count, (type, rest) => {
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`)
    })
    response.end()
  })
  return listen(server, 0)
}

const block = z.looseObject({ type: z.string(), text: z.string().optional() })
const message = z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(block)]) })
const messages = z.looseObject({ model: z.string(), messages: z.array(message) })

/** Speaks Anthropic's Messages API. */
export async function startMessagesModel(): Promise<Listening> {
  return startModel(/^\/v1\/messages\?/u, (asked, number, say) => {
    const { model, messages: told } = messages.parse(asked)
    const { content = "" } = told.findLast(({ role }) => role === "user") ?? {}
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content
    const text = blocks.map((each) => each.text ?? "").join("\n")
    const call = blocks.some(({ type }) => type === "tool_result") ? undefined : wantedIn(text)

    const usage = { input_tokens: 1, output_tokens: 1 }
    const begun = {
      id: `msg_${number}`,
      type: "message",
      role: "assistant",
      model,
      content: [],
      stop_reason: null,
      usage,
    }
    say("message_start", { message: begun })
    const [content_block, delta] = call
      ? [
          { type: "tool_use", id: `toolu_${number}`, name: call.tool, input: {} },
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
  })
}

const item = z.looseObject({
  type: z.string(),
  content: z.array(block).optional(),
  output: z.union([z.string(), z.array(block)]).optional(),
})
const responses = z.looseObject({ input: z.array(item) })

/** Speaks OpenAI's Responses API. */
export async function startResponsesModel(): Promise<Listening> {
  return startModel(/^\/v1\/responses$/u, (asked, number, say) => {
    const last = responses.parse(asked).input.at(-1)
    const told = last?.output ?? last?.content ?? []
    const text = typeof told === "string" ? told : told.map((each) => each.text ?? "").join("\n")
    const call = last?.output === undefined ? wantedIn(text) : undefined

    say("response.created", { response: { id: `resp_${number}` } })
    const said = call
      ? {
          type: "function_call",
          id: `fc_${number}`,
          call_id: `call_${number}`,
          namespace: call.namespace,
          name: call.tool,
          arguments: JSON.stringify(call.arguments),
        }
      : { type: "message", role: "assistant", id: `msg_${number}`, content: [{ type: "output_text", text }] }
    say("response.output_item.done", { item: said })
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    say("response.completed", { response: { id: `resp_${number}`, usage } })
  })
}

const turns = z.looseObject({ model: z.string(), input: z.array(z.looseObject({ output: z.unknown().optional() })) })

/** Speaks OpenAI's Responses API, in whole answers: calls the tool whatever it is told, and then says what that returned. */
export async function startCallingModel({ tool, arguments: args }: Wanted): Promise<Listening> {
  const server = createServer(async (request, response) => {
    const { model, input } = turns.parse(await json(request))
    const returned = input.filter(({ output }) => output !== undefined).map(({ output }) => JSON.stringify(output))
    const said = { type: "output_text", text: returned.join(), annotations: [] }
    const item =
      returned.length > 0
        ? { type: "message", id: "msg_1", role: "assistant", status: "completed", content: [said] }
        : { type: "function_call", id: "fc_1", call_id: "call_1", name: tool, arguments: JSON.stringify(args) }
    const usage = {
      ...{ input_tokens: 1, input_tokens_details: { cached_tokens: 0 } },
      ...{ output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2 },
    }
    const answer = {
      id: "resp_1",
      object: "response",
      created_at: 0,
      status: "completed",
      model,
      output: [item],
      usage,
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer))
  })
  return listen(server, 0)
}
