/** The sections of the console, in the order of the navigation. The page at the address of a section is its first one. */
export const SECTIONS = {
  approvals: { text: "Approvals", href: "/console/approvals" },
  live: { text: "Live", href: "/console/live" },
  tasks: { text: "Tasks", href: "/console/tasks" },
  agents: { text: "Agents", href: "/console/agents" },
  policies: { text: "Policies", href: "/console/policies" },
  stop: { text: "Stop", href: "/console/stop" },
} as const
export type SectionName = keyof typeof SECTIONS
