/**
 * The format `slack`, for incoming webhooks of Slack and of compatible tools (Mattermost, Rocket.Chat): `text` for all of
 * them, `blocks` for Slack. In rich text Slack interprets no text, so that nothing but our own link is a link or a mention.
 * The address of such a webhook is its only secret.
 */
import type { FormatError, FormatContext, Message } from "./message.ts"
import type { Notice } from "../../core/notices/notice.ts"
import { textOf, noticeText, type NoticeText } from "./text.ts"

export function slackMessage(notice: Notice, { issuer, secret }: FormatContext): Message | FormatError {
  if (secret === null) return { hindrance: "secret_missing" }
  if (!URL.canParse(secret)) return { hindrance: "secret_malformed" }
  const text = noticeText(notice, issuer)
  const body = JSON.stringify({ text: textOf(text), blocks: blocksOf(text) })
  // A receiver can recognize a repeated delivery, as in Standard Webhooks.
  return { url: secret, headers: { "content-type": "application/json", "webhook-id": notice.id }, body }
}

const plain = (text: string) => ({ type: "text", text })
const code = (text: string) => ({ type: "text", text, style: { code: true } })

function blocksOf({ title, facts, url }: NoticeText): readonly unknown[] {
  const lines = facts.flatMap(([name, value]) => [plain(`\n${name}: `), code(value)])
  const link = url === null ? [] : [plain("\n"), { type: "link", url, text: "Open" }]
  return [{ type: "rich_text", elements: [{ type: "rich_text_section", elements: [plain(title), ...lines, ...link] }] }]
}
