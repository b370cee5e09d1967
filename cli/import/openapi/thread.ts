/** The thread that reads a document: see openapi.ts. */
import { parentPort, workerData } from "node:worker_threads"
import { readDocument, type ReadRequest } from "./document.ts"

// Our own thread started this one, with a ReadRequest.
const request: ReadRequest = workerData
parentPort?.postMessage(readDocument(request))
