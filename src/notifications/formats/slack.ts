/**
 * The format `slack`, for incoming webhooks of Slack and of what speaks like it (Mattermost, Rocket.Chat): `text` for all
 * of them, `blocks` for Slack itself. In rich text Slack takes every text for what it is, so that nothing in it is a link
 * or a mention but the one link that we make. The address of such a webhook is its only secret.
 */
import type { FormatError, FormatContext, Message } from "./message.ts"
import type { Notice } from "../../core/notices/notice.ts"
import { textOf, toldOf, type NoticeText } from "./text.ts"

export function slackMessage(notice: Notice, { issuer, secret }: FormatContext): Message | FormatError {
  if (secret === null) return { hindrance: "secret_missing" }
  if (!URL.canParse(secret)) return { hindrance: "secret_malformed" }
  const told = toldOf(notice, issuer)
  const body = JSON.stringify({ text: textOf(told), blocks: blocksOf(told) })
  // Whoever takes these for Standard Webhooks' can at least tell what they had before.
  return { url: secret, headers: { "content-type": "application/json", "webhook-id": notice.id }, body }
}

const plain = (text: string) => ({ type: "text", text })
const code = (text: string) => ({ type: "text", text, style: { code: true } })

function blocksOf({ title, facts, url }: NoticeText): readonly unknown[] {
  const lines = facts.flatMap(([name, value]) => [plain(`\n${name}: `), code(value)])
  const link = url === null ? [] : [plain("\n"), { type: "link", url, text: "Look at it" }]
  return [{ type: "rich_text", elements: [{ type: "rich_text_section", elements: [plain(title), ...lines, ...link] }] }]
}
