/**
 * The key of each class of objects on disk: a folder's name, and what the ids of its objects are derived from. Ids are in
 * tokens and in other objects. A key that changes, or is used for another class, loses every object of its class: so this
 * table only ever grows. A class that is gone keeps its row, so that nothing else takes its key.
 */
export const UNIQUE_KEYS: Readonly<Record<string, string>> = {
  ClientRegistry: "ClientRegistry",
  Entries: "Entries",
  Exporter: "Exporter",
  MetricsExporter: "MetricsExporter",
  Inbox: "Inbox",
  Ledger: "Ledger",
  OnceLog: "OnceLog",
  Outbound: "Outbound",
  Publications: "Publications",
  RecordLog: "RecordLog",
  Registration: "Registration",
  Schedule: "Schedule",
  Session: "Session",
  SharedLimit: "SharedLimit",
  Switchboard: "Switchboard",
}
