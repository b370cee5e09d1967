/** `/v1/clients`: the clients that have registered themselves (RFC 7591). */
import * as z from "zod"
import { endpoint, once } from "./endpoint.ts"
import { momentOrNull } from "./members.ts"

const client = once(() =>
  z.looseObject({
    id: z.string(),
    name: z.string().nullable().describe("What the client calls itself: an unverified claim."),
    redirect_uris: z.array(z.string()),
    registered_at: z.number().describe("Milliseconds."),
    expires_at: z.number().describe("Milliseconds."),
    last_token: momentOrNull(),
  }),
)
export type RegisteredClient = z.infer<ReturnType<typeof client>>

export const clients = {
  listClients: endpoint({
    method: "GET",
    path: "/v1/clients",
    summary: "Lists the clients that have registered themselves, in the order of their ids.",
    details: "`last_token`: when the last token was issued to it, to the hour.",
    access: { by: "operator", role: "viewer", area: "agents" },
    record: "management",
    query: once(() =>
      z.strictObject({
        after: z.string().max(2_048).optional().describe("Only those whose ids come after this one."),
        limit: z.coerce.number().int().min(1).max(200).default(100).describe("How many are listed at most."),
      }),
    ),
    answer: once(() =>
      z.looseObject({
        class: z.string().nullable().describe("The class in agents.yaml. Null: no client can register itself."),
        clients: z.array(client()),
        more: z.boolean(),
        total: z.number(),
      }),
    ),
    errors: [],
  }),
  revokeClient: endpoint({
    method: "DELETE",
    path: "/v1/clients/:agent",
    summary: "Revokes the registration of a client. Its tokens are of no use any more when this is answered.",
    details: "The client can register again, under another id, and has to ask for consent anew.",
    access: { by: "operator", role: "operator", area: "agents" },
    record: "management",
    answer: once(() =>
      z.looseObject({ id: z.string(), revocation: z.string().describe("The switch that ends its tokens.") }),
    ),
    errors: ["not_found"],
  }),
} as const
